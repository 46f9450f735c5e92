"""The other tools, each used as its documentation does: a script of sh or Python per tool, run in a folder of its own.

Their environment: LAB (lab.json), TOP, SCENARIO, RELEASE, and PATH with the tools' own virtual environment first.
Those without an increment of their own send everything each time.
"""

import os
import subprocess
import venv
from pathlib import Path

PINS = ("fabric==3.2.3", "pyinfra==3.10.0", "parallel-ssh==2.16.0.post1", "ansible-core==2.19.14")

_SWITCH = "ln -s releases/$RELEASE cur.t && mv -T cur.t current"
_SERVERS = """python3 -c 'import json, os
for it in json.load(open(os.environ["LAB"]))["servers"]: print(it["name"], it["app"])'"""

RAW = f"""\
set -e; S="ssh -F $TOP/ssh_config"; export S
if [ $SCENARIO = connect ]; then {_SERVERS} | xargs -P 16 -L 1 sh -c '$S "$0" true'; exit; fi
tar -C $TOP/$RELEASE -cf - . | zstd -q -3 > pack
{_SERVERS} | xargs -P 16 -L 1 sh -c '$S $0 "mkdir -p $1/releases/$RELEASE && cd $1 &&
  zstd -dq | tar -xf - -C releases/$RELEASE && {_SWITCH}" < pack'
"""

RSYNC = f"""\
set -e; S="ssh -F $TOP/ssh_config"; export S; L=; [ $SCENARIO = full ] || L=--link-dest=../A; export L
{_SERVERS} | xargs -P 16 -L 1 sh -c '$S $0 mkdir -p $1/releases && rsync OPTIONS -e "$S" $L $TOP/$RELEASE/ \\
  $0:$1/releases/$RELEASE/ && $S $0 "cd $1 && {_SWITCH}"'
"""

_PYTHON = """\
import json, os, subprocess
lab = json.load(open(os.environ["LAB"]))
top, release, connects = lab["top"], os.environ["RELEASE"], os.environ["SCENARIO"] == "connect"
if not connects:
    subprocess.check_call(["tar", "-C", f"{top}/{release}", "-czf", "pack.tgz", "."])
unpack = (
    f"mkdir -p releases/{release} && tar xzf pack.tgz -C releases/{release} && "
    f"ln -s releases/{release} cur.t && mv -T cur.t current"
)
"""

FABRIC = (
    _PYTHON
    + """\
from threading import Thread
from fabric import Connection
faults = []
def work(it):
    options = {"key_filename": f"{top}/key", "look_for_keys": False, "allow_agent": False}
    with Connection("127.0.0.1", user=lab["user"], port=it["port"], connect_kwargs=options) as connection:
        if connects:
            connection.run("true", hide=True)
        else:
            connection.put("pack.tgz", it["app"] + "/pack.tgz")
            connection.run(f"cd {it['app']} && {unpack}", hide=True)
    faults.remove(it["name"])
faults.extend(it["name"] for it in lab["servers"])
threads = [Thread(target=work, args=(it,)) for it in lab["servers"]]
for each in threads: each.start()
for each in threads: each.join()
assert not faults, faults
"""
)

PARALLEL = (
    _PYTHON
    + """\
from gevent import joinall
from pssh.clients import ParallelSSHClient
from pssh.config import HostConfig
config = [HostConfig(port=it["port"]) for it in lab["servers"]]
client = ParallelSSHClient(["127.0.0.1"] * len(config), user=lab["user"], pkey=f"{top}/key", host_config=config,
    pool_size=100, allow_agent=False, timeout=120)
def run(command, args):
    output = client.run_command(command, host_args=args)
    client.join(output, consume_output=True)
    assert not any(it.exit_code for it in output)
apps = [it["app"] for it in lab["servers"]]
if connects:
    run("%s", ["true"] * len(apps))
else:
    copies = [{"local_file": "pack.tgz", "remote_file": f"{app}/pack.tgz"} for app in apps]
    joinall(client.copy_file("%(local_file)s", "%(remote_file)s", copy_args=copies), raise_error=True)
    run(f"cd %s && {unpack}", [(app,) for app in apps])
"""
)

PYINFRA = """\
set -e
cat > inventory.py <<'END'
import json, os
lab = json.load(open(os.environ["LAB"]))
common = {"ssh_hostname": "127.0.0.1", "ssh_user": lab["user"], "ssh_key": lab["top"] + "/key",
  "ssh_known_hosts_file": lab["top"] + "/known_hosts", "ssh_strict_host_key_checking": "yes"}
web = [(it["name"], {**common, "ssh_port": it["port"], "app": it["app"]}) for it in lab["servers"]]
END
if [ $SCENARIO = connect ]; then exec pyinfra -y inventory.py exec -- true; fi
tar -C $TOP/$RELEASE -czf pack.tgz .
cat > deploy.py <<'END'
import os
from pyinfra import host
from pyinfra.operations import files, server
app, release = host.data.app, os.environ["RELEASE"]
files.put(src="pack.tgz", dest=app + "/pack.tgz")
server.shell(commands=[f"cd {app} && mkdir -p releases/{release} && tar xzf pack.tgz -C releases/{release} && "
  f"ln -s releases/{release} cur.t && mv -T cur.t current"])
END
pyinfra -y inventory.py deploy.py
"""

ANSIBLE = """\
set -e
python3 - <<'END'
import json, os
lab = json.load(open(os.environ["LAB"]))
with open("inventory", "w") as file:
    file.write("[web]\\n")
    for it in lab["servers"]:
        file.write(f"{it['name']} app={it['app']}\\n")
END
cat > ansible.cfg <<END
[defaults]
inventory = inventory
forks = 20
gathering = explicit
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = True
ssh_args = -F $TOP/ssh_config -o ControlMaster=auto -o ControlPersist=5s -o ControlPath=%d/s-%%h
END
if [ $SCENARIO = connect ]; then
  printf -- '- hosts: web\\n  gather_facts: no\\n  tasks: [{raw: "true"}]\\n' > play.yml
else
cat > play.yml <<END
- hosts: web
  gather_facts: no
  tasks:
  - {command: "tar -C $TOP/$RELEASE -czf $PWD/pack.tgz .", delegate_to: localhost, connection: local, run_once: true}
  - file: {path: "{{ app }}/releases/$RELEASE", state: directory}
  - unarchive: {src: "$PWD/pack.tgz", dest: "{{ app }}/releases/$RELEASE"}
  - shell: "cd {{ app }} && ln -s releases/$RELEASE cur.t && mv -T cur.t current"
END
fi
sed -i "s|%d|$PWD|" ansible.cfg
ANSIBLE_CONFIG=$PWD/ansible.cfg exec ansible-playbook play.yml
"""

SCRIPTS: dict[str, str] = {
    "rawssh": RAW,
    "rawssh-default": RAW.replace("ssh_config", "ssh_config_default"),
    "rsync": RSYNC.replace("OPTIONS", "-a"),
    "rsync-c": RSYNC.replace("OPTIONS", "-rlpc"),
    "fabric": FABRIC,
    "pyinfra": PYINFRA,
    "parallel-ssh": PARALLEL,
    "ansible": ANSIBLE,
}
PYTHONS = frozenset({"fabric", "parallel-ssh"})


def install(folder: Path) -> Path:
    """The virtual environment with the tools from the Python package index, made when it is not there."""
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *PINS], check=True)
        (folder / "done").touch()
    return folder


def start(tool: str, top: Path, tools: Path, scenario: str, release: str) -> "subprocess.Popen[bytes]":
    """The tool at work. What it says is in `<top>/<tool>/log`."""
    folder = top / tool
    folder.mkdir(exist_ok=True)
    (folder / "script").write_text(SCRIPTS[tool])
    program = str(tools / "bin/python") if tool in PYTHONS else "sh"
    around = {
        "PATH": f"{tools}/bin:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "ignore",
        "LAB": str(top / "lab.json"),
        "TOP": str(top),
        "SCENARIO": scenario,
        "RELEASE": release,
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [program, "script"], cwd=folder, env=around, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
