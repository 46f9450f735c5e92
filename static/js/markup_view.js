// Tokens of chat text as nodes.

import { el } from "./dom.js"
import { blocks } from "./markup.js"

/** A text as block elements. `isCalled(name)` says whether `@name` is the reader, `deploymentUrl(42)` where `#42` leads. */
export function render(text, { isCalled, deploymentUrl }) {
  return blocks(text).map((block) => {
    if (block.type === "fence") return el("pre", "fence", el("code", "", block.text))
    const paragraph = el("p")
    for (const token of block.tokens) paragraph.append(node(token, isCalled, deploymentUrl))
    return paragraph
  })
}

function node(token, isCalled, deploymentUrl) {
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
      link.dataset.action = "open-deployment"
      link.dataset.deployment = token.number
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
