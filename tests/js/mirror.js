// What the page computes, for tests that compare it with the server's own answer: JSON in, JSON out.

import { text } from "node:stream/consumers"
import { runs } from "../../static/js/ansi.js"
import { replay } from "../../static/js/deployment_state.js"
import { statusOf } from "../../static/js/graph_fold.js"
import { hue } from "../../static/js/people.js"
import { STATUSES } from "../../static/js/status.js"
import { took } from "../../static/js/time.js"

const asked = JSON.parse(await text(process.stdin))

const answer = {
  looks: STATUSES,
  states: asked.journals.map(({ id, events }) => replay(id, events)),
  folds: asked.steps.map(statusOf),
  hues: asked.names.map(hue),
  durations: asked.seconds.map((seconds) => took(seconds * 1000)),
  lines: asked.lines.map(runs),
}
process.stdout.write(JSON.stringify(answer))
