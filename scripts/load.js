// Load on a server, from a process of its own: what it costs here is told, so that it can be told apart from the server.
// Takes its task as JSON: {url, connections, seconds, rate?, body?, headers?}; body in base64.
import autocannon from 'autocannon'
import {Buffer} from 'node:buffer'

const task = JSON.parse(process.argv[2])
const before = process.cpuUsage()
const started = performance.now()
const result = await autocannon({
  connections: task.connections,
  duration: task.seconds,
  headers: task.headers ?? {},
  method: task.body === undefined ? 'GET' : 'POST',
  url: task.url,
  ...(task.body !== undefined && {body: Buffer.from(task.body, 'base64')}),
  ...(task.rate && {overallRate: task.rate}),
})
const elapsed = (performance.now() - started) / 1000
const {system, user} = process.cpuUsage(before)
process.stdout.write(
  JSON.stringify({
    answers: result['2xx'],
    cpuSeconds: (system + user) / 1e6,
    failed: result.non2xx + result.errors + result.timeouts,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    rate: result['2xx'] / elapsed,
    seconds: elapsed,
  }),
)
