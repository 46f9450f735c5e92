// What a deployment's page computes, for tests that compare it with the server's own answer: JSON in, JSON out.

import { text } from "node:stream/consumers"
import { consentOf } from "../../static/js/consent.js"
import { replay } from "../../static/js/deployment_state.js"
import { servers } from "../../static/js/graph_fold.js"
import { marks, stateAt } from "../../static/js/replay.js"
import { rowsOf, slowKeys, telling, went } from "../../static/js/rows.js"
import { openMoves } from "../../static/js/telling.js"

const { events, moments, states } = JSON.parse(await text(process.stdin))
const whole = replay(5, events)

const answer = {
  past: moments.map((ms) => stateAt(5, events, ms)),
  pages: [whole, ...states].map((state) => ({
    rows: rowsOf(state).map(({ type, key }) => [type, key]),
    telling: servers(state).map((server) => telling(server).key),
    went: servers(state).map((server) => went(server, "before", "after")),
    slow: [...slowKeys(servers(state))].sort(),
    marks: state.requested_at ? marks(state) : [],
    consent: consentOf(state),
    moves: [...openMoves(state)].sort(),
  })),
}
process.stdout.write(JSON.stringify(answer))
