/** A host of its own: a network namespace behind one cable, which can be pulled. Needs root and iproute2. */
import {execFileSync} from 'node:child_process'

/** Of the range that is set aside for tests of networks. */
const HERE = '198.18.77.1'
const THERE = '198.18.77.2'

export class OtherHost {
  /** What it reaches this host by. */
  address = HERE
  #namespace = `npubridge-${process.pid}`
  #cable = `npb${process.pid}`

  constructor() {
    ip('netns', 'add', this.#namespace)
    ip('link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#namespace)
    ip('address', 'add', `${HERE}/30`, 'dev', this.#cable)
    ip('link', 'set', this.#cable, 'up')
    const inside = ['-n', this.#namespace]
    ip(...inside, 'address', 'add', `${THERE}/30`, 'dev', 'eth0')
    ip(...inside, 'link', 'set', 'eth0', 'up')
    ip(...inside, 'link', 'set', 'lo', 'up')
  }

  /** A command as it is run there. */
  command(program, args) {
    return ['ip', ['netns', 'exec', this.#namespace, program, ...args]]
  }

  /** Nothing arrives any more, and nobody is told. */
  cut() {
    ip('link', 'set', this.#cable, 'down')
  }

  mend() {
    ip('link', 'set', this.#cable, 'up')
  }

  remove() {
    ip('netns', 'del', this.#namespace)
    try {
      ip('link', 'del', this.#cable)
    } catch {
      // It went with its other end.
    }
  }
}

function ip(...args) {
  try {
    execFileSync('ip', args, {stdio: ['ignore', 'ignore', 'pipe']})
  } catch (error) {
    const why = error.stderr === undefined ? error.message : String(error.stderr).trim()
    throw new Error(`ip ${args.join(' ')}: ${why} (this needs root, and iproute2)`, {cause: error})
  }
}
