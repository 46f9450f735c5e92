"""The database itself refuses to change or remove a row of the audit: a second line of defence, beside the chain.

A slip, or a program that may only write rows, stops here; who may change tables can take it away. SQLite drops the
triggers of a table that a later migration remakes: one that alters AuditEntry ends with `put` again.
"""

from django.db import migrations

PUT = {
    'sqlite': (
        "CREATE TRIGGER audit_not_changed BEFORE UPDATE ON deploy_core_auditentry"
        " BEGIN SELECT RAISE(ABORT, 'rows of the audit are never changed'); END",
        "CREATE TRIGGER audit_not_removed BEFORE DELETE ON deploy_core_auditentry"
        " BEGIN SELECT RAISE(ABORT, 'rows of the audit are never removed'); END",
    ),
    'postgresql': (
        "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'rows of the audit are never changed or removed'; END $$",
        "CREATE TRIGGER audit_not_changed BEFORE UPDATE OR DELETE ON deploy_core_auditentry"
        " FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON deploy_core_auditentry"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()",
    ),
}
LIFT = {
    'sqlite': ("DROP TRIGGER IF EXISTS audit_not_changed", "DROP TRIGGER IF EXISTS audit_not_removed"),
    'postgresql': ("DROP FUNCTION IF EXISTS audit_refuses() CASCADE",),
}


def put(apps, schema_editor):
    for statement in PUT.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


def lift(apps, schema_editor):
    for statement in LIFT.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('deploy_core', '0008_secret_set_by'),
    ]

    operations = [migrations.RunPython(put, lift)]
