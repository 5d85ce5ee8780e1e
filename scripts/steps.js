// Runs steps one after the other, each announced, and ends at the first that fails with what to do about it. Chains of
// steps that have nothing to do with each other may run side by side.
import {spawn, spawnSync} from 'node:child_process'
import {availableParallelism} from 'node:os'
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
  for (const [index, step] of steps.entries()) {
    const started = performance.now()
    process.stdout.write(`\n[${index + 1}/${steps.length}] ${step.title}\n`)
    const {status, signal, error} = spawnSync(step.command, step.args, {...optionsOf(step), stdio: 'inherit'})
    if (status !== 0) giveUp(failureOf(step, {status, signal, error}), step.advice)
    tellTime(started)
  }
}

/**
 * Runs chains of such steps, as many at a time as there are processors; what a step prints is shown when it has ended. A
 * chain ends at the first step that fails, the others go on, and it ends with all that failed.
 */
export async function runChains(chains) {
  const waiting = [...chains]
  const failures = []
  const worker = async () => {
    for (let chain = waiting.shift(); chain !== undefined; chain = waiting.shift()) {
      const failure = await runChain(chain)
      if (failure) failures.push(failure)
    }
  }

  await Promise.all(Array.from({length: availableParallelism()}, worker))
  if (failures.length > 0) giveUp(failures.map(({message}) => message).join('\n✖ '), failures[0].advice)
}

async function runChain(chain) {
  for (const step of chain) {
    const started = performance.now()
    const child = spawn(step.command, step.args, {...optionsOf(step), stdio: ['ignore', 'pipe', 'pipe']})
    const [end, ...printed] = await Promise.all([endOf(child), text(child.stdout), text(child.stderr)])
    process.stdout.write(`\n${step.title}\n${printed.join('')}`)
    if (end.status !== 0) return {message: failureOf(step, end), advice: step.advice}
    tellTime(started)
  }

  return null
}

async function endOf(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({error}))
    child.on('close', (status, signal) => resolve({status, signal}))
  })
}

function optionsOf({env}) {
  return {cwd: ROOT, env: {...process.env, ...env}}
}

function failureOf({title, command, args}, {error, signal, status}) {
  const why = error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`
  return `${title}: ${[command, ...args].join(' ')} failed (${why})`
}

function tellTime(started) {
  process.stdout.write(`    done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
}
