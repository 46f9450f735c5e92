// Tokens of chat text as nodes.

import { el } from "./dom.js"
import { blocks } from "./markup.js"

/** A text as block elements. `me` is the reader's name, `deploymentUrl(number)` where `#42` leads. */
export function render(text, { me, deploymentUrl }) {
  return blocks(text).map((block) => {
    if (block.type === "fence") return el("pre", "fence", el("code", "", block.text))
    const paragraph = el("p")
    for (const token of block.tokens) paragraph.append(node(token, me, deploymentUrl))
    return paragraph
  })
}

function node(token, me, deploymentUrl) {
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
      const isMe = [me.toLowerCase(), "here", "all"].includes(token.name)
      return el("span", isMe ? "mention mention--me" : "mention", token.text)
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
