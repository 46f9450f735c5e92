// Tokens of chat text as nodes.

import { el } from "./dom.js"
import { blocks } from "./markup.js"

/**
 * A text as block elements. `isCalled(name)` says whether `@name` is the reader, `deploymentUrl(42)` where `#42` leads;
 * `by` wrote it, so that `#42@13:04:07` is meant by their clocks.
 */
export function render(text, { isCalled, deploymentUrl, by = "" }) {
  return blocks(text).map((block) => {
    if (block.type === "fence") return el("pre", "fence", el("code", "", block.text))
    const paragraph = el("p")
    for (const token of block.tokens) paragraph.append(node(token, isCalled, deploymentUrl, by))
    return paragraph
  })
}

function node(token, isCalled, deploymentUrl, by) {
  switch (token.type) {
    case "code":
      return el("code", "", token.text)
    case "bold":
      return el("strong", "", token.text)
    case "italic":
      return el("em", "", token.text)
    case "struck":
      return el("s", "", token.text)
    case "mention": {
      return el("span", isCalled(token.name) ? "mention mention--me" : "mention", token.text)
    }
    case "number": {
      const link = el("a", "link", token.text)
      link.href = deploymentUrl(token.number)
      link.dataset.deployment = token.number
      // A moment has the page of its deployment, where the slider is; the panel shows what is now.
      if (token.moment) link.href += `?${new URLSearchParams({ at: token.moment, of: by })}`
      else link.dataset.action = "open-deployment"
      return link
    }
    case "link": {
      const link = el("a", "link", token.text)
      link.href = token.href
      link.rel = "noopener noreferrer nofollow"
      link.target = "_blank"
      return link
    }
    default:
      return document.createTextNode(token.text)
  }
}
