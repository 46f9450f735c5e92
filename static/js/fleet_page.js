// A server's page while it is being visited: looks again until there is an answer, unless somebody writes in the form.

const AGAIN_MS = 1000

const fields = document.querySelectorAll(".form input, .form select, .form textarea")
let isTouched = false
for (const each of fields) each.addEventListener("input", () => (isTouched = true))
setTimeout(() => isTouched || location.reload(), AGAIN_MS)
