// How fast workflows are coordinated and agents are chosen, beside the goals:
//
//   npm run bench:workflow [-- --quick] [--json FILE] [--check]
//
// The legacy side is the reference of the old module without its sleep, timed inside its own Python process. What is
// said of Rust is measured by native/engine/examples/routing_rate.rs. `--check` ends with 3 when a goal is not met.
import {execFileSync} from 'node:child_process'
import {existsSync, writeFileSync} from 'node:fs'
import {availableParallelism} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {loadBinding} from '../dist/core/engine/binding.js'
import {createLegacyEngine} from '../dist/core/engine/legacy.js'
import {resolvePaths} from '../dist/core/paths.js'
import {createBridge} from '../dist/index.js'
import {TEXTS, timeSemanticRoutes} from './bench-workflow-semantic.js'
import {ROOT} from './steps.js'

const {values: flags} = parseArgs({
  options: {check: {type: 'boolean'}, json: {type: 'string'}, quick: {type: 'boolean'}},
})
const TASKS = 5000
const AGENTS = 100
const ROUNDS = flags.quick ? 7 : 15
const WORDS =
  'review deploy monitor encrypt translate compile measure draw plan index search parse render charge invoice recruit water bake paint repair drive teach count store fetch compress rotate verify schedule archive'.split(
    ' ',
  )
const THINGS =
  'code servers metrics secrets texts kernels latency maps roadmaps books logs files images cards taxes people gardens bread walls pumps trucks classes stock objects pages disks keys proofs calendars mail'.split(
    ' ',
  )

const agents = Array.from({length: AGENTS}, (_, index) => ({
  name: `agent-${index}`,
  description: `Can ${WORDS[index % WORDS.length]} ${THINGS[(index * 7) % THINGS.length]} and ${WORDS[(index * 11 + 3) % WORDS.length]} ${THINGS[(index * 13 + 5) % THINGS.length]}`,
}))
const textOf = (index) =>
  `please ${WORDS[(index * 17) % WORDS.length]} the ${THINGS[(index * 5) % THINGS.length]} of customer ${index} before noon`
const tasksOf = (count) =>
  Array.from({length: count}, (_, index) => ({
    id: `task_${index}`,
    description: textOf(index),
    priority: 1 + (index % 100),
    dependencies: index % 10 === 0 ? [] : [`task_${index - 1}`],
  }))

/** The median of `ROUNDS` times, in milliseconds, with the quickest and the slowest. */
async function median(work, rounds = ROUNDS) {
  const times = []
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }

  times.sort((a, b) => a - b)
  return {middle: times[Math.floor(times.length / 2)], least: times[0], most: times.at(-1)}
}

const rows = []

/** A line; a goal is `{least}` or `{most}` of the figure. */
function say(what, figure, shown, goal) {
  const met = goal === undefined ? null : figure >= (goal.least ?? -Infinity) && figure <= (goal.most ?? Infinity)
  rows.push({what, figure, shown, goal: goal?.text ?? null, met})
  const verdict = met === null ? '' : `${met ? '✔' : '✖ not met:'} ${goal.text}`
  console.log(`${what.padEnd(62)} ${shown.padEnd(34)} ${verdict}`)
}

const middleOf = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const thousands = (perSecond) => `${(perSecond / 1000).toFixed(1)} K/s`
const spread = ({least, most}, count) => `(${thousands((count / most) * 1000)} to ${thousands((count / least) * 1000)})`

console.log(`${availableParallelism()} cores, ${ROUNDS} rounds, median (slowest to quickest)\n`)
await using bridge = await createBridge({device: 'cpu', engine: 'native'})

const whole = tasksOf(TASKS)
const submit = (tasks) => async () => bridge.submit({type: 'workflow', agents, tasks})
await submit(whole)()
const routed = await median(submit(whole))
const accelerated = (TASKS / routed.middle) * 1000
say(
  `workflow of ${TASKS} tasks, ${AGENTS} agents by words`,
  accelerated,
  `${thousands(accelerated)} ${spread(routed, TASKS)}`,
)

await using legacy = await createLegacyEngine({env: process.env, sleep: false})
const measured = await legacy.measureWorkflow(TASKS, {limitMs: 120_000})
const old = TASKS / ((measured.createUs + measured.executeUs) / 1e6)
say('  the old module without its sleep, no routing', old, thousands(old))
say('  ratio', accelerated / old, `${(accelerated / old).toFixed(1)} ×`, {
  least: 25,
  text: 'at least 25 ×, wanted 50 ×',
})

const perTask = []
for (const count of [1000, 100_000]) {
  const tasks = tasksOf(count)
  const {least} = await median(submit(tasks), count > 10_000 ? 3 : ROUNDS)
  perTask.push(least / count)
}

const growth = perTask[1] / perTask[0]
say('cost of a task, 100 K tasks against 1 K (quickest rounds)', growth, `${growth.toFixed(2)} ×`, {
  most: 1.5,
  text: 'at most 1.5 ×',
})

const index = new (loadBinding().NativeAgentIndex)(JSON.stringify(agents))
const texts = Array.from({length: 100_000}, (_, at) => textOf(at))
index.selectAll(texts)
const batch = await median(() => index.selectAll(texts), 5)
const fromNode = (texts.length / batch.middle) * 1000
say('lexical, from Node, 100 K texts in one call', fromNode, `${thousands(fromNode)} ${spread(batch, texts.length)}`)
const single = await median(() => {
  for (let at = 0; at < 2000; at++) index.selectAll([texts[at]])
}, 5)
say('lexical, from Node, one text in a call', single.middle / 2, `${(single.middle / 2).toFixed(1)} µs`)

const inRust = lexicalInRust()
const many = middleOf(inRust.routesPerSecond)
say('lexical, in Rust, 100 K texts in one call', many, `${thousands(many)} (${inRust.routesPerSecond.length} rounds)`, {
  least: 400_000,
  text: 'at least 400 K/s',
})
const one = middleOf(inRust.microseconds)
say('lexical, in Rust, one text in a call', one, `${one.toFixed(2)} µs (${inRust.microseconds.length} rounds)`, {
  most: 20,
  text: 'at most 20 µs',
})

if (existsSync(path.join(resolvePaths().models, 'minilm', 'model.json'))) await semantic()
else console.log('semantic: not run, the model minilm is not there (npubridge models pull minilm)')
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({cores: availableParallelism(), rows}, null, 2)}\n`)
if (flags.check && rows.some(({met}) => met === false)) process.exitCode = 3

function lexicalInRust() {
  const cargo = ['run', '--release', '--quiet', '--manifest-path', path.join(ROOT, 'native/Cargo.toml')]
  const program = ['-p', 'npubridge-engine', '--example', 'routing_rate']
  return JSON.parse(
    execFileSync('cargo', [...cargo, ...program], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']}),
  )
}

async function semantic() {
  const pairs = await timeSemanticRoutes(bridge, agents, ROUNDS)
  const rate = (milliseconds) => `${((TEXTS / milliseconds) * 1000).toFixed(0)} texts/s`
  say('the model alone, stacks of 64 × 12 tokens', 0, rate(middleOf(pairs.map(({alone}) => alone))))
  const ratio = middleOf(pairs.map(({alone, routed: time}) => alone / time))
  say(
    'semantic routes of new texts',
    ratio,
    `${rate(middleOf(pairs.map(({routed: time}) => time)))}, ${ratio.toFixed(3)} × the model`,
    {
      least: 0.95,
      text: 'at least 0.95 × the model',
    },
  )
}
