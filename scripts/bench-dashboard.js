// What the dashboard and `top` cost: size, first paint, the page's share of a core at 1,000 operations a second, what one
// who watches takes of the throughput (in turns), and top's share of a core. Needs Chromium; prints goals beside figures.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readdirSync, readFileSync} from 'node:fs'
import {get} from 'node:http'
import {loadavg} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {chromium} from 'playwright-core'
import {WebSocket} from 'ws'

import {connectTo} from '../dist/core/serve/client/connection.js'
import {startServer} from './server.js'

const ROUNDS = 12
const SECONDS = 3
const PROGRAM = path.resolve(import.meta.dirname, '..', 'bin', 'run.js')
let isMet = true
const say = (what, value, goal, met) => {
  isMet &&= met
  console.log(`${met ? '✔' : '✖'} ${what.padEnd(52)} ${value.padStart(20)}   ${goal}`)
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** Processor seconds of all threads of a process, to the nanosecond. */
const threadSeconds = (pid) =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e9)
    .reduce((sum, seconds) => sum + seconds, 0)

const bytesOf = async (url) =>
  new Promise((resolve) => {
    get(url, {headers: {'accept-encoding': 'gzip'}}, async (response) => {
      let bytes = 0
      for await (const part of response) bytes += part.length
      resolve(bytes)
    })
  })

console.log(`load average ${loadavg()[0].toFixed(1)} at the start`)
const server = await startServer(['--no-grpc', '--device', 'cpu'])
const connection = await connectTo(server.url)
const urls = ['/', '/dashboard.js', '/dashboard.css', '/favicon.svg'].map((each) => server.url + each)
const sizes = await Promise.all(urls.map(bytesOf))
const kilobytes = sizes.reduce((sum, size) => sum + size, 0) / 1024
say('compressed', `${kilobytes.toFixed(1)} KB`, '≤ 120 KB', kilobytes <= 120)

const over = new AbortController()
const load = async () => {
  const startedAt = performance.now()
  let sent = 0
  while (!over.signal.aborted) {
    for (; sent < performance.now() - startedAt; sent++) connection.submit({type: 'echo'}).catch(() => {})
    await sleep(5)
  }
}

const browser = await chromium.launch({
  args: ['--no-sandbox'],
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
})
const paints = []
for (let round = 0; round < 5; round++) {
  const page = await browser.newPage()
  await page.goto(server.url)
  await page.waitForTimeout(500)
  paints.push(await page.evaluate(`performance.getEntriesByName('first-contentful-paint')[0].startTime`))
  await page.close()
}

say('first paint, median of 5', `${median(paints).toFixed(0)} ms`, '≤ 300 ms', median(paints) <= 300)
const loading = load()
const page = await browser.newPage({viewport: {height: 900, width: 1280}})
await page.goto(server.url)
await page.waitForTimeout(3000)
const session = await browser.newBrowserCDPSession()
/** Processor seconds of pages, and of all of the browser. */
const worked = async () => {
  const {processInfo} = await session.send('SystemInfo.getProcessInfo')
  const sum = (processes) => processes.reduce((seconds, {cpuTime}) => seconds + cpuTime, 0)
  return [sum(processInfo.filter(({type}) => type === 'renderer')), sum(processInfo)]
}

const shares = []
for (let round = 0; round < 3; round++) {
  const before = await worked()
  const startedAt = performance.now()
  await sleep(10_000)
  const after = await worked()
  const elapsed = (performance.now() - startedAt) / 1000
  shares.push(after.map((seconds, index) => (seconds - before[index]) / elapsed))
}

for (const [index, what] of ['page', 'page and all of the browser'].entries()) {
  const share = median(shares.map((each) => each[index]))
  say(`${what} at 1,000 ops/s, 3 × 10 s`, `${(share * 100).toFixed(1)} %`, '≤ 5 %', share <= 0.05)
}

await browser.close()

const top = spawn('script', ['-qec', `exec ${process.execPath} ${PROGRAM} top --server ${server.url}`, '/dev/null'], {
  stdio: ['pipe', 'ignore', 'ignore'],
})
await sleep(4000)
const [child] = readFileSync(`/proc/${top.pid}/task/${top.pid}/children`, 'utf8').trim().split(' ', 1)
const topBefore = threadSeconds(child)
await sleep(10_000)
const topShare = (threadSeconds(child) - topBefore) / 10
say('top, 10 s', `${(topShare * 100).toFixed(1)} %`, '≤ 3 %', topShare <= 0.03)
top.kill()
over.abort()
await loading

/** Operations a second, and a processor second of the server, with 32 in flight. */
const closedLoop = async () => {
  const endsAt = performance.now() + SECONDS * 1000
  let done = 0
  const [before, startedAt] = [threadSeconds(server.pid), performance.now()]
  const one = async () => {
    while (performance.now() < endsAt) {
      await connection.submit({type: 'echo'})
      done++
    }
  }

  await Promise.all(Array.from({length: 32}, one))
  const elapsed = (performance.now() - startedAt) / 1000
  return {perSecond: done / elapsed, perProcessorSecond: done / (threadSeconds(server.pid) - before)}
}

/** The part of a core that the server works, while nobody asks it for anything else. */
const idleShare = async () => {
  const [before, startedAt] = [threadSeconds(server.pid), performance.now()]
  await sleep(SECONDS * 1000)
  return ((threadSeconds(server.pid) - before) * 1000) / (performance.now() - startedAt)
}

const watched = async (measure) => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`)
  await once(socket, 'open')
  socket.send('{"id": 1, "type": "subscribe_metrics", "interval_ms": 500, "live": true}')
  // The history comes once, at first.
  await sleep(1000)
  const measured = await measure()
  socket.terminate()
  await sleep(300)
  return measured
}

/** What is measured alone and with one who watches, in turns, each first every other time. */
const compare = async (measure) => {
  const pairs = []
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0 ? await measure() : await watched(measure)
    pairs.push(round % 2 === 0 ? [first, await watched(measure)] : [await measure(), first])
  }

  return pairs
}

const more = (await compare(idleShare)).map(([alone, along]) => along - alone)
const pairs = await compare(closedLoop)
const lost = (what) => pairs.map(([alone, along]) => 1 - along[what] / alone[what])
const spread = (costs) => costs.map((each) => (each * 100).toFixed(1))
const report = (what, costs) => {
  const cost = median(costs)
  say(`${what}, ${ROUNDS} turns`, `${(cost * 100).toFixed(1)} %`, '≤ 1 %', cost <= 0.01)
  console.log(`  (${spread([Math.min(...costs), Math.max(...costs)]).join(' to ')} %)`)
}

report('of a core that a subscriber at 2 Hz costs', more)
report('of the operations a processor second', lost('perProcessorSecond'))
// Client and server share the processors, and so does whatever else runs: the same again, but much less exact.
console.log(
  `  of the operations a second: ${spread([median(lost('perSecond'))])[0]} %, ${spread(lost('perSecond')).join(', ')}`,
)
console.log(`load average ${loadavg()[0].toFixed(1)} at the end`)
server.child.kill('SIGTERM')
process.exit(isMet ? 0 : 3)
