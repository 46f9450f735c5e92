// The board looks again by itself: often while something moves, else now and then; never under a reader's hands.

const again = Number(document.querySelector("script[data-again]")?.dataset.again ?? 20)

/** Whether a reload would take something away: a place in the page, a word half typed, a tab that nobody looks at. */
function isInUse() {
  const page = document.getElementById("main")
  const field = document.getElementById("find")
  return document.hidden || (page?.scrollTop ?? 0) > 0 || field === document.activeElement
}

setInterval(() => isInUse() || location.reload(), again * 1000)
