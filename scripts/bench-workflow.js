import {readFile} from 'node:fs/promises'
// How fast workflows are coordinated and agents are chosen, beside the goals: npm run bench:workflow [-- CLINC.json]
//
// The legacy side is the reference of the old module without its sleep, timed inside its own Python process.
import {availableParallelism} from 'node:os'

import {loadBinding} from '../dist/core/engine/binding.js'
import {createLegacyEngine} from '../dist/core/engine/legacy.js'
import {createBridge} from '../dist/index.js'

const TASKS = 5000
const AGENTS = 100
const ROUNDS = 15
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

function say(what, value, goal) {
  console.log(`${what.padEnd(58)} ${value.padEnd(30)} ${goal}`)
}

const thousands = (perSecond) => `${(perSecond / 1000).toFixed(1)} K/s`
const spread = ({least, most}, count) => `(${thousands((count / most) * 1000)} to ${thousands((count / least) * 1000)})`

console.log(`${availableParallelism()} cores, ${ROUNDS} rounds, median (slowest to quickest)\n`)
await using bridge = await createBridge({device: 'cpu', engine: 'native'})

const whole = tasksOf(TASKS)
const submit = (tasks) => async () => bridge.submit({type: 'workflow', agents, tasks})
await submit(whole)()
const routed = await median(submit(whole))
const accelerated = (TASKS / routed.middle) * 1000
say(`workflow of ${TASKS} tasks, ${AGENTS} agents by words`, `${thousands(accelerated)} ${spread(routed, TASKS)}`, '')

await using legacy = await createLegacyEngine({env: process.env, sleep: false})
const measured = await legacy.measureWorkflow(TASKS, {limitMs: 120_000})
const old = TASKS / ((measured.createUs + measured.executeUs) / 1e6)
say('  the old module without its sleep, no routing', thousands(old), '')
say('  ratio', `${(accelerated / old).toFixed(1)} ×`, 'at least 25 ×, goal 50 ×')

const perTask = []
for (const count of [1000, 100_000]) {
  const tasks = tasksOf(count)
  const {least} = await median(submit(tasks), count > 10_000 ? 3 : ROUNDS)
  perTask.push(least / count)
}

say(
  'cost of a task, 100 K tasks against 1 K (quickest rounds)',
  `${(perTask[1] / perTask[0]).toFixed(2)} ×`,
  'at most 1.5 ×',
)

const index = new (loadBinding().NativeAgentIndex)(JSON.stringify(agents))
const texts = Array.from({length: 100_000}, (_, at) => textOf(at))
index.selectAll(texts)
const batch = await median(() => index.selectAll(texts), 5)
say(
  'lexical routes from Node, 100 K texts in one call',
  `${thousands((texts.length / batch.middle) * 1000)} ${spread(batch, texts.length)}`,
  'at least 400 K/s (in Rust)',
)
const single = await median(() => {
  for (let at = 0; at < 2000; at++) index.selectAll([texts[at]])
}, 5)
say(
  'lexical route from Node, one text in a call',
  `${((single.middle / 2000) * 1000).toFixed(1)} µs`,
  'at most 20 µs (in Rust)',
)

const [file] = process.argv.slice(2)
if (file === undefined) process.exit(0)
const {val} = JSON.parse(await readFile(file, 'utf8'))
const some = val.slice(0, 512).map(([text], at) => `${text} ${process.pid} ${at}`)
const embedded = await median(async () => {
  await bridge.submit({type: 'embed', texts: some.map((text) => `${text} ${Math.random()}`)})
}, 3)
say('embeddings of new texts', `${((some.length / embedded.middle) * 1000).toFixed(0)} texts/s`, '')
