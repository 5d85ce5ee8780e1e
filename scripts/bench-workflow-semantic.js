// Semantic routes of new texts against the same model with the same shapes and nothing around it.

/** Texts of one round. */
export const TEXTS = 512
/** The stacks that the engine makes of them: each text has ten words that are one token each, and one at either end. */
const STACK = 64
const TOKENS = 12
const IN_FLIGHT = 3
const WORDS =
  'time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house'.split(
    ' ',
  )

/**
 * How long a round takes with routing and with the model alone, in milliseconds: a pair of each round. They take turns
 * at being first.
 */
export async function timeSemanticRoutes(bridge, agents, rounds) {
  const route = routesOf(bridge, agents)
  const model = stacksOf(bridge)
  await route()
  await model()
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [route, model] : [model, route]
    const times = new Map()
    for (const work of order) times.set(work, await timeOf(work))
    pairs.push({routed: times.get(route), alone: times.get(model)})
  }

  return pairs
}

async function timeOf(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Routes of texts that the engine has not seen, since it remembers those that it has. */
function routesOf(bridge, agents) {
  let next = Date.now() * 1000
  return async () =>
    bridge.submit({
      type: 'route',
      agents,
      descriptions: Array.from({length: TEXTS}, () => textOf(next++)),
      method: 'semantic',
      topK: 0,
    })
}

/** The digits of a number as words. */
function textOf(number) {
  let left = number
  return Array.from({length: 10}, () => {
    const word = WORDS[left % WORDS.length]
    left = Math.floor(left / WORDS.length)
    return word
  }).join(' ')
}

/** As many inferences as the texts need stacks, some of them at once. */
function stacksOf(bridge) {
  const stack = {
    type: 'inference',
    model: 'minilm',
    inputs: Object.fromEntries([
      ['input_ids', tensor(2051n)],
      ['attention_mask', tensor(1n)],
      ['token_type_ids', tensor(0n)],
    ]),
  }
  return async () => {
    let left = TEXTS / STACK
    const worker = async () => {
      while (left-- > 0) await bridge.submit(stack)
    }

    await Promise.all(Array.from({length: IN_FLIGHT}, worker))
  }
}

function tensor(value) {
  return {data: new BigInt64Array(STACK * TOKENS).fill(value), shape: [STACK, TOKENS], datatype: 'INT64'}
}
