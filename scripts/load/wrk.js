// As much load as connections can ask for, by wrk: it takes little of a machine that it shares with the server.
import {execFile, spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'

const run = promisify(execFile)

/** wrk prints its version and leaves with an error code when it is asked for it. */
export function hasWrk() {
  return spawnSync('wrk', ['-v'], {encoding: 'utf8'}).stdout?.startsWith('wrk ') === true
}

export async function runWrk({body, connections, headers = {}, seconds, url}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-load-'))
  try {
    const script = path.join(folder, 'request.lua')
    writeFileSync(path.join(folder, 'body'), body ?? '')
    writeFileSync(script, luaFor({bodyFile: body && path.join(folder, 'body'), headers}))
    const args = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`]
    const {stdout} = await run('wrk', [...args, '--script', script, url])
    return JSON.parse(stdout.trimEnd().split('\n').at(-1))
  } finally {
    rmSync(folder, {recursive: true})
  }
}

function luaFor({bodyFile, headers}) {
  const text = JSON.stringify
  return [
    ...(bodyFile ? [`wrk.method = "POST"`, `wrk.body = io.open(${text(bodyFile)}, "rb"):read("*a")`] : []),
    ...Object.entries(headers).map(([name, value]) => `wrk.headers[${text(name)}] = ${text(value)}`),
    `done = function(summary)`,
    `  local errors = summary.errors`,
    `  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout`,
    `  local seconds = summary.duration / 1e6`,
    `  print(string.format('{"answers": %d, "failed": %d, "seconds": %f}', summary.requests - errors.status, failed, seconds))`,
    `end`,
  ].join('\n')
}
