// Only the empty string may become HTML: the graph library clears its own element with it. All else is text.
if (globalThis.trustedTypes?.createPolicy) {
  globalThis.trustedTypes.createPolicy("default", {
    createHTML(text) {
      if (text === "") return text
      throw new TypeError("This page writes no HTML")
    },
  })
}
