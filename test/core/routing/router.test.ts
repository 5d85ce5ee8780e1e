import {expect} from 'chai'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Engine} from '../../../src/core/engine/engine.ts'

import {evaluate} from '../../../src/core/routing/evaluate.ts'
import {chooseMethod} from '../../../src/core/routing/method.ts'
import {TextRouter} from '../../../src/core/routing/router.ts'
import {trainHead} from '../../../src/core/routing/train.ts'
import {requireNative, startNative} from '../../support/native.ts'
import {rejectionOf} from '../run/expect-error.ts'
import {temporaryFolder} from '../run/temporary-folder.ts'
import {noEngine} from '../workflow/run.ts'

const AGENTS = [
  {name: 'gardener', description: 'Plants flowers and waters the lawn', examples: ['the roses look dry']},
  {name: 'accountant', description: 'Writes invoices and keeps the books', priority: 10},
]

const LIGHT = ['switch the lamp on', 'lights off please', 'make the lamp brighter', 'dim the lights']
const MUSIC = ['play a song', 'louder music', 'stop the music', 'next song please']
const OUTSIDE = ['what is the capital of france', 'translate this into dutch']

describe('TextRouter', () => {
  const folder = temporaryFolder()

  it('chooses by words without an engine, and says why', async () => {
    const router = new TextRouter({agents: AGENTS, method: 'lexical', openEngine: noEngine})
    const answers = await router.route(['water my flowers', 'send an invoice', 'fly to mars'])
    expect(answers.map(({agent}) => agent)).to.deep.equal(['gardener', 'accountant', null])
    expect(answers[0]!.reason).to.contain('"flowers"')
    expect(await router.route([])).to.deep.equal([])
  })

  it('learns from words, measures itself, and comes back from its file', async () => {
    const file = path.join(folder(), 'rooms.json')
    const output = path.join(folder(), 'rooms.head')
    const pairs = (texts: string[], label: string) => texts.map((text) => [text, label])
    writeFileSync(
      file,
      JSON.stringify({
        train: [...pairs(LIGHT, 'light'), ...pairs(MUSIC, 'music')],
        val: [...pairs(['lamp off', 'brighter lights'], 'light'), ...pairs(['play the next song'], 'music')],
        oos_val: pairs(OUTSIDE, 'oos'),
      }),
    )
    const report = await trainHead({file, method: 'lexical', openEngine: noEngine, output})
    expect(report).to.deep.include({labels: 2, examples: 8, calibratedOn: {inside: 3, outside: 2}, device: null})
    const router = new TextRouter({head: output, method: 'hybrid', openEngine: noEngine})
    expect(router.method).to.equal('lexical')
    const evaluation = await evaluate({file, router})
    expect(evaluation).to.deep.include({accuracy: 1, confusions: [], texts: 3})
    expect(evaluation.outOfScope).to.deep.equal({texts: 2, auroc: 1, refused: 1})
  })

  it('refuses a head that is none, and files without examples', async () => {
    const file = path.join(folder(), 'x.json')
    writeFileSync(file, '{"val": []}')
    const output = path.join(folder(), 'x.head')
    const train = trainHead({file, method: 'lexical', openEngine: noEngine, output})
    await rejectionOf(train, 'INVALID_ARGUMENT', /"train" is empty/)
    expect(() => new TextRouter({head: file, method: 'hybrid', openEngine: noEngine})).to.throw(/this is no head/)
    const router = new TextRouter({agents: AGENTS, method: 'lexical', openEngine: noEngine})
    await rejectionOf(evaluate({file, router}), 'INVALID_ARGUMENT', /"val" is empty/)
  })

  it('chooses words where meaning cannot be had, with the reason', async () => {
    const env = {NPUBRIDGE_HOME: folder()}
    const none = await chooseMethod('auto', noEngine, env)
    expect(none.method).to.equal('lexical')
    expect(none.reason).to.match(/the model minilm is not there/)
    expect(await chooseMethod('semantic', noEngine, env)).to.deep.equal({method: 'semantic', reason: null})
  })
})

describe('routing by meaning', () => {
  let engine: Engine
  const folder = temporaryFolder()

  before(async function () {
    engine = await startNative(await requireNative(this, ['minilm']))
  })

  after(async () => engine?.shutdown())

  const openEngine = async () => engine

  it('chooses where no word is shared', async () => {
    const texts = ['my tulips are thirsty', 'how much tax did we pay']
    for (const method of ['semantic', 'hybrid'] as const) {
      const router = new TextRouter({agents: AGENTS, method, openEngine})
      const answers = await router.route(texts, {threshold: 0.1})
      expect(answers.map(({agent}) => agent)).to.deep.equal(['gardener', 'accountant'])
      expect(answers[0]!.reason).to.contain('the roses look dry')
      // What was embedded before comes from memory.
      expect(router.device).to.equal(method === 'semantic' ? 'CPU' : null)
    }

    await rejectionOf(
      new TextRouter({agents: [], method: 'hybrid', openEngine}).route(texts),
      'INVALID_ARGUMENT',
      'there are no agents to choose among',
    )
  })

  it('embeds many texts as it embeds each, whatever their lengths', async () => {
    const texts = ['short', 'a text of some more words than the others have', 'short', '', 'ünïcode 测试']
    const {outputs} = await engine.submit({type: 'embed', texts})
    const {data, shape} = outputs!.embeddings!
    expect(shape).to.deep.equal([5, 384])
    const rows = texts.map((_, row) => [...(data as Float32Array).subarray(row * 384, (row + 1) * 384)])
    expect(rows[0]).to.deep.equal(rows[2])
    for (const [row, numbers] of rows.entries()) {
      expect(Math.hypot(...numbers)).to.be.closeTo(1, 1e-4)
      const alone = await engine.submit({type: 'embed', texts: [`${texts[row]} `]})
      const same = (alone.outputs!.embeddings!.data as Float32Array).reduce((sum, x, at) => sum + x * numbers[at]!, 0)
      expect(same).to.be.greaterThan(0.99)
    }
  })

  it('runs the texts of operations that wait together, and answers each as if alone', async () => {
    const inferences = () => {
      const groups = (engine.metrics().models ?? []).filter(({model}) => model === 'minilm')
      return groups.reduce((sum, {total}) => sum + total.count, 0)
    }

    const texts = Array.from({length: 24}, (_, at) => `waiting together ${'word '.repeat(at % 5)}${at}`)
    const before = inferences()
    const cancelled = new AbortController()
    const [none, gone, ...answers] = await Promise.all([
      rejectionOf(engine.submit({type: 'embed', texts: ['x'], model: 'nothing'}), 'MODEL_NOT_FOUND', /not there/),
      rejectionOf(engine.submit({type: 'embed', texts}, {signal: cancelled.signal}), 'CANCELLED', /cancelled/),
      ...texts.map(async (text, at) => {
        if (at === 12) cancelled.abort()
        const {device, outputs} = await engine.submit({type: 'embed', texts: [text]})
        return {device, embedding: outputs!.embeddings!.data as Float32Array}
      }),
    ])
    expect([none, gone]).to.have.length(2)
    expect(inferences() - before).to.be.within(1, 12)
    expect(new Set(answers.map(({device}) => device))).to.deep.equal(new Set(['CPU']))
    const again = await engine.submit({type: 'embed', texts: texts.map((text) => `${text} `)})
    const rows = again.outputs!.embeddings!.data as Float32Array
    for (const [at, {embedding}] of answers.entries()) {
      const alike = embedding.reduce((sum, x, number) => sum + x * rows[at * 384 + number]!, 0)
      expect(alike).to.be.greaterThan(0.99)
    }
  })

  it('is an operation of the engine too', async () => {
    const {data, device} = await engine.submit({
      type: 'route',
      agents: AGENTS,
      descriptions: ['thirsty tulips', 'xyzzy plugh'],
      method: 'hybrid',
      topK: 1,
    })
    const {routes} = data as {routes: Array<{agent: null | string; candidates: unknown[]}>}
    expect(routes.map(({agent}) => agent)).to.deep.equal(['gardener', null])
    expect(routes[0]!.candidates).to.have.length(1)
    expect(device === 'CPU' || device === null).to.equal(true)
    await rejectionOf(
      engine.submit({type: 'route', agents: AGENTS, description: 'x', method: 'keywords'}),
      'INVALID_ARGUMENT',
      /keywords are for a folder/,
    )
    await rejectionOf(
      engine.submit({type: 'embed', texts: ['x'], model: 'nothing'}),
      'MODEL_NOT_FOUND',
      /"nothing" is not there/,
    )
  })

  it('learns from meaning, and routes by what was learned', async () => {
    const file = path.join(folder(), 'rooms.json')
    const output = path.join(folder(), 'rooms.head')
    writeFileSync(
      file,
      JSON.stringify([...LIGHT.map((text) => [text, 'light']), ...MUSIC.map((text) => [text, 'music'])]),
    )
    const report = await trainHead({file, method: 'hybrid', openEngine, output})
    expect(report).to.include({labels: 2, threshold: null, calibratedOn: null})
    const router = new TextRouter({head: output, method: 'hybrid', openEngine})
    const [answer] = await router.route(['it is too dark in here'])
    expect(answer!.agent).to.equal('light')
    const {data} = await engine.submit({type: 'route', description: 'a violin concerto', head: output})
    expect(data).to.include({agent: 'music'})
  })

  it('shares the tasks of a workflow out by their words', async () => {
    const tasks = [
      {id: 'a', description: 'water the lawn'},
      {id: 'b', agent: 'me'},
      {id: 'c', description: 'zzz'},
    ]
    const {data} = await engine.submit({type: 'workflow', agents: AGENTS, tasks})
    expect(data).to.deep.include({assigned: ['gardener', 'me', 'director'], routed: 3})
  })
})
