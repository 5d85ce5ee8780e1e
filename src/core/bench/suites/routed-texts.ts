/** A hundred agents, and texts that one of them fits. */
import type {AgentProfile} from '../../engine/engine.ts'

/** Why the old module has no figures for them. */
export const LEGACY_COMPARES_NO_TEXTS =
  'the old module chooses by a fixed list of keywords in names; it compares no texts'
const AGENTS = 100
const VERBS = ['review', 'deploy', 'monitor', 'encrypt', 'translate', 'compile', 'measure', 'draw', 'plan', 'index']
const THINGS = [
  'code',
  'servers',
  'metrics',
  'secrets',
  'texts',
  'kernels',
  'latency',
  'maps',
  'roadmaps',
  'books',
  'logs',
]

export const agents: AgentProfile[] = Array.from({length: AGENTS}, (_, index) => ({
  name: `agent-${index}`,
  description: `Can ${pick(VERBS, index)} ${pick(THINGS, index * 7)} and then ${pick(VERBS, index * 3 + 1)} the ${pick(THINGS, index * 5 + 2)} number ${index}`,
}))

function pick(words: readonly string[], index: number): string {
  return words[index % words.length]!
}

/** Texts that nobody has asked for before. */
export class TextSource {
  #next = 0

  take(count: number): string[] {
    return Array.from({length: count}, () => {
      const index = this.#next++
      return `please ${pick(VERBS, index)} the ${pick(THINGS, index * 3)} of customer ${index} before noon`
    })
  }
}
