// Runs steps one after the other, each announced, and ends at the first that fails with what to do about it.
import {spawnSync} from 'node:child_process'
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
