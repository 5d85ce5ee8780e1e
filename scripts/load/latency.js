// How long answers take, each timed from the instant at which it was due.
import {setTimeout as sleep} from 'node:timers/promises'

/** Asks at a constant rate, however long answers take. Gives the milliseconds of each answer. */
export async function openLoop(ask, rate, seconds) {
  const times = []
  const pending = []
  let failed = 0
  const askOnce = async (due) => {
    try {
      await ask()
      times.push(performance.now() - due)
    } catch {
      failed++
    }
  }

  const started = performance.now()
  for (let next = 0; ;) {
    const now = performance.now() - started
    if (now > seconds * 1000) break
    for (; (next * 1000) / rate <= now; next++) {
      const due = started + (next * 1000) / rate
      pending.push(askOnce(due))
    }

    await sleep(1)
  }

  await Promise.all(pending)
  return {failed, times}
}

/** Asks again as soon as there is an answer. */
export async function inTurn(ask, seconds) {
  const times = []
  let failed = 0
  const end = performance.now() + seconds * 1000
  for (let started; (started = performance.now()) < end;) {
    try {
      await ask()
      times.push(performance.now() - started)
    } catch {
      failed++
    }
  }

  return {failed, times}
}

export function percentile(times, rank) {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length * rank) / 100)]
}
