import {createInterface} from 'node:readline/promises'

/** Whether there is a person to ask: both ends of the conversation must be a terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/**
 * Asks on stderr; anything but yes is no, and so is a closed terminal.
 *
 * @throws the reason of `signal` when that was aborted, as by Ctrl-C
 */
export async function ask(question: string, signal?: AbortSignal): Promise<boolean> {
  const terminal = createInterface({input: process.stdin, output: process.stderr})
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => {
      resolve('')
    })
  })
  // In the raw mode of a question Ctrl-C is a key like any other.
  terminal.once('SIGINT', () => {
    process.kill(process.pid, 'SIGINT')
  })
  try {
    const options = signal ? {signal} : {}
    const answer = await Promise.race([terminal.question(`${question} (y/N) `, options), closed])
    return /^y(?:es)?$/i.test(answer.trim())
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    terminal.close()
  }
}
