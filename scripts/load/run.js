// Load on a server, from a process of its own: what it costs here is told, so that it can be told apart from the server.
// Takes its task as JSON: {url, connections, seconds, rate?, body?, headers?}; body in base64. With a rate, or with a
// single connection, it is latency that counts; otherwise as much as the connections can ask for.
import autocannon from 'autocannon'
import {Buffer} from 'node:buffer'
import {execFileSync} from 'node:child_process'
import {readFileSync} from 'node:fs'

import {openConnections} from './connections.js'
import {inTurn, openLoop, percentile} from './latency.js'
import {hasWrk, runWrk} from './wrk.js'

/** Node compiles this program while it runs: what it takes for that is no latency of the server. */
const WARM_UP_SECONDS = 3
const task = JSON.parse(process.argv[2])
const body = task.body === undefined ? undefined : Buffer.from(task.body, 'base64')
const spentBefore = cpuSeconds()
const started = performance.now()
const measured = await run()
const elapsed = (performance.now() - started) / 1000
const spent = cpuSeconds() - spentBefore
// The rate is that of the load itself: starting the client and warming it up is no part of it.
process.stdout.write(
  JSON.stringify({...measured, cpuShare: spent / elapsed, rate: measured.answers / measured.seconds}),
)

async function run() {
  if (task.rate || task.connections === 1) return measureLatency()
  if (hasWrk()) return {client: 'wrk', ...(await runWrk({...task, body}))}
  return {client: 'autocannon', ...(await runAutocannon())}
}

async function measureLatency() {
  const {ask, close} = await openConnections({...task, body})
  const load = (seconds) => (task.rate ? openLoop(ask, task.rate, seconds) : inTurn(ask, seconds))
  await load(WARM_UP_SECONDS)
  const began = performance.now()
  const {failed, times} = await load(task.seconds)
  const seconds = (performance.now() - began) / 1000
  close()
  return {
    client: 'sockets',
    answers: times.length,
    failed,
    seconds,
    p50Ms: percentile(times, 50),
    p99Ms: percentile(times, 99),
  }
}

async function runAutocannon() {
  const {connections, headers = {}, seconds, url} = task
  const method = body === undefined ? 'GET' : 'POST'
  const result = await autocannon({connections, duration: seconds, headers, method, url, ...(body && {body})})
  return {answers: result['2xx'], failed: result.non2xx + result.errors + result.timeouts, seconds: result.duration}
}

/** Seconds on the processor of this process and of those that it has started and that have ended. */
function cpuSeconds() {
  const text = readFileSync('/proc/self/stat', 'utf8')
  const ticks = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number)
  const perSecond = Number(execFileSync('getconf', ['CLK_TCK'], {encoding: 'utf8'}))
  return ticks.reduce((sum, each) => sum + each) / perSecond
}
