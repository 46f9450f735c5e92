// A page of a step's log: a link to a line that stands on another page leads there.

const rows = document.querySelectorAll("#lines li")
const numberOf = (row) => Number(row.id.slice(1))

function toLine() {
  const line = Number(/^#L(\d{1,9})$/.exec(location.hash)?.[1])
  if (!line || !rows.length || document.getElementById(`L${line}`)) return
  const isEarlier = line < numberOf(rows[0])
  const isLater = line > numberOf(rows[rows.length - 1]) && document.querySelector("[data-later]")
  if (isEarlier || isLater) location.replace(`?line=${line}`)
}

addEventListener("hashchange", toLine)
toLine()
