// Names that nobody else gives. Browsers have `crypto.randomUUID` only where a page came over HTTPS or from this machine.

/** A new id: 32 hexadecimal digits. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
