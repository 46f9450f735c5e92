// What every page has: times in the reader's zone, and the switch between light and dark.

import "./trusted_types.js"
import { switchThemeWith } from "./theme.js"
import { moment, second } from "./time.js"
import { dayWords, language, readWords } from "./words.js"

/** Write the server's times as the reader has them. */
export function localTimes(root = document) {
  for (const each of root.querySelectorAll("time[data-moment]")) {
    each.textContent = moment(each.dateTime, Date.now(), language, dayWords())
    each.title = new Date(each.dateTime).toLocaleString(language)
  }
  for (const each of root.querySelectorAll("time[data-second]")) each.textContent = second(each.dateTime, language)
}

if (document.getElementById("words")) readWords()
localTimes()
switchThemeWith(document.querySelector('[data-action="theme"]'))
