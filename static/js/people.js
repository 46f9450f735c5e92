// A person's letter and the pale ground it stands on. Mirrors `hue` of chatops/templatetags/looks.py.

const HUES = 12

export function hue(name) {
  let number = 0
  for (const letter of name) number = (number * 15 + letter.codePointAt(0)) % 1019
  return number % HUES
}

export function initial(name) {
  return [...name].slice(0, 1).join("").toUpperCase()
}

/** Make an element a person's avatar. */
export function paintAvatar(element, name) {
  element.className = [...element.classList].filter((each) => !each.startsWith("hue-")).join(" ")
  element.classList.add(`hue-${hue(name)}`)
  element.textContent = initial(name)
}
