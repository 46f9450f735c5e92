// Asks the browser for a passkey, and posts its answer: `data-passkey` is "get" (show one) or "create" (make one).
// The options stand in the page, or for signing in without a name, are fetched from the form's own address.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
const named = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) }))

function creation(options) {
  return {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  }
}

function request(options) {
  return { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) }
}

function answer(credential) {
  const { response } = credential
  const told = { clientDataJSON: text(response.clientDataJSON) }
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (response[name]) told[name] = text(response[name])
  if (response.getTransports) told.transports = response.getTransports()
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: told,
    clientExtensionResults: credential.getClientExtensionResults(),
  }
}

async function optionsFor(form) {
  const inPage = document.getElementById("passkey-options")
  if (inPage) return JSON.parse(inPage.textContent)
  const reply = await fetch(form.action, { headers: { accept: "application/json" } })
  return reply.json()
}

async function ask(form) {
  const options = await optionsFor(form)
  if (form.dataset.passkey === "get")
    return navigator.credentials.get({ publicKey: request(options.request_options.publicKey) })
  const publicKey = creation(options.creation_options.publicKey)
  if (form.elements.passwordless?.checked)
    publicKey.authenticatorSelection = {
      ...publicKey.authenticatorSelection,
      residentKey: "required",
      requireResidentKey: true,
      userVerification: "required",
    }
  return navigator.credentials.create({ publicKey })
}

function prepare(form) {
  const button = form.querySelector("button")
  const [trouble, unable] = ["trouble", "unable"].map((name) => form.querySelector(`[data-slot="${name}"]`))
  if (!globalThis.PublicKeyCredential || !globalThis.isSecureContext || /^[\d.]+$|:/.test(location.hostname)) {
    unable.hidden = false
    return
  }
  button.disabled = false
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    button.disabled = true
    trouble.hidden = true
    try {
      form.elements.credential.value = JSON.stringify(answer(await ask(form)))
      form.submit()
    } catch {
      trouble.hidden = false
      button.disabled = false
    }
  })
}

for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form)
