// Runs steps one after the other, each announced, and ends at the first that fails with what to do about it. Chains of
// steps that have nothing to do with each other may run side by side.
import {spawn, spawnSync} from 'node:child_process'
import {text} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Whether `command` can be started. */
export function has(command, args = ['--version']) {
  return spawnSync(command, args, {stdio: 'ignore'}).status === 0
}

/** Ends with one clear message: what is missing, and what to do. */
export function giveUp(message, advice) {
  process.stderr.write(`\n✖ ${message}\n  Try: ${advice}\n`)
  process.exit(1)
}

/** Runs each step `{title, command, args, advice, env}`, its output shown as it comes. */
export function runSteps(steps) {
  for (const [index, {title, command, args, advice, env}] of steps.entries()) {
    const started = performance.now()
    process.stdout.write(`\n[${index + 1}/${steps.length}] ${title}\n`)
    const {status, signal, error} = spawnSync(command, args, {
      cwd: ROOT,
      stdio: 'inherit',
      env: {...process.env, ...env},
    })
    if (status !== 0) {
      const why = error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`
      giveUp(`${title}: ${[command, ...args].join(' ')} failed (${why})`, advice)
    }

    process.stdout.write(`    done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
  }
}

/** Runs chains of such steps, `width` at a time; what a step prints is shown when it has ended. */
export async function runChains(chains, width) {
  const waiting = [...chains]
  const running = new Set()
  // Ending here with a failure ends what runs beside it.
  process.once('exit', () => running.forEach((child) => child.kill()))
  const worker = async () => {
    for (let chain = waiting.shift(); chain !== undefined; chain = waiting.shift()) {
      for (const step of chain) await runQuietly(step, running)
    }
  }

  await Promise.all(Array.from({length: width}, worker))
}

async function runQuietly({title, command, args, advice, env}, running) {
  const started = performance.now()
  const child = spawn(command, args, {cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: {...process.env, ...env}})
  running.add(child)
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? null : signal ? `ended by ${signal}` : `exit code ${code}`),
    )
  })
  const [why, ...printed] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  running.delete(child)
  process.stdout.write(`\n${title}\n${printed.join('')}`)
  if (why !== null) giveUp(`${title}: ${[command, ...args].join(' ')} failed (${why})`, advice)
  process.stdout.write(`    done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
}
