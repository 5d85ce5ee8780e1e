import {expect} from 'chai'
import fc from 'fast-check'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {resolveConfig} from '../../../src/core/config/resolve.ts'
import {allSettings, type JsonSchema, type Setting, variableOf} from '../../../src/core/config/schema.ts'
import {showConfig} from '../../../src/core/config/show.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

/** Settings of one value each, which contradict no others. */
const SIMPLE = allSettings().filter(
  (setting) => !['profile', 'npu', 'batching'].includes(setting.path[0]!) && isSimple(setting.schema),
)

function isSimple({enum: names, type}: JsonSchema): boolean {
  return names !== undefined || ['boolean', 'integer', 'number', 'string'].includes(type ?? '')
}

/** Any value that a setting may have. */
function valueOf({enum: names, exclusiveMinimum, maximum, minimum, type}: JsonSchema): fc.Arbitrary<unknown> {
  if (names) return fc.constantFrom(...names)
  if (type === 'boolean') return fc.boolean()
  // A variable is trimmed of nothing; a text that looks like JSON or is empty would not be one.
  if (type === 'string') return fc.stringMatching(/^[a-z/][a-z0-9/._-]{0,20}$/)
  const least = Math.ceil(minimum ?? (exclusiveMinimum ?? 0) + 1)
  return fc.integer({min: least, max: Math.min(maximum ?? 1e6, least + 1e6)})
}

type Values = Record<string, unknown>

/** Some settings with a value each. */
const someSettings: fc.Arbitrary<Array<[Setting, unknown]>> = fc
  .subarray(SIMPLE)
  .chain((settings) => fc.tuple(...settings.map((each) => fc.tuple(fc.constant(each), valueOf(each.schema)))))

function nested(settings: ReadonlyArray<[Setting, unknown]>): Values {
  const values: Values = {}
  for (const [{path: parts}, value] of settings) {
    let at = values
    for (const part of parts.slice(0, -1)) at = (at[part] ??= {}) as Values
    at[parts.at(-1)!] = value
  }

  return values
}

const place = ({path: parts}: Setting) => parts.join('.')

describe('resolveConfig', () => {
  let folder: string

  before(async () => {
    folder = await makeFolder()
  })

  after(async () => removeFolder(folder))

  it('lets variables overrule the file, and flags both, setting by setting', async () => {
    const file = path.join(folder, 'order.json')
    await fc.assert(
      fc.asyncProperty(someSettings, someSettings, someSettings, async (inFile, inVariables, inFlags) => {
        await writeFile(file, JSON.stringify(nested(inFile)))
        const {settings} = await resolveConfig({
          file,
          env: Object.fromEntries(inVariables.map(([setting, value]) => [variableOf(setting), String(value)])),
          flags: Object.fromEntries(inFlags.map(([setting, value]) => [place(setting), value])),
        })
        for (const {origin, path: name, value} of settings) {
          const of = (source: ReadonlyArray<[Setting, unknown]>) => source.find(([each]) => place(each) === name)
          const [winner, from] = of(inFlags)
            ? [of(inFlags)![1], /^--/]
            : of(inVariables)
              ? [of(inVariables)![1], /^NPUBRIDGE_/]
              : of(inFile)
                ? [of(inFile)![1], /order\.json$/]
                : [value, /^default$/]
          expect(value, name).to.deep.equal(winner)
          expect(origin, name).to.match(from)
        }
      }),
      {numRuns: 25},
    )
  })

  it('gives a configuration that means the same when it is read again', async () => {
    const again = path.join(folder, 'again.json')
    await fc.assert(
      fc.asyncProperty(someSettings, someSettings, async (inFile, inVariables) => {
        const file = path.join(folder, 'first.json')
        await writeFile(file, JSON.stringify(nested(inFile)))
        const env = Object.fromEntries(inVariables.map(([setting, value]) => [variableOf(setting), String(value)]))
        const first = await showConfig({file, env})
        await writeFile(again, JSON.stringify(first.shown))
        const second = await resolveConfig({file: again, env: {}})
        expect(second.config).to.deep.equal(first.resolved.config)
        const values = (settings: ReadonlyArray<{path: string; value: unknown}>) =>
          settings.map((each) => [each.path, each.value])
        expect(values(second.settings)).to.deep.equal(values(first.resolved.settings))
      }),
      {numRuns: 25},
    )
  })

  it('lets a program overrule variables, with names of its own left alone', async () => {
    const {config} = await resolveConfig({
      folder: null,
      env: {NPUBRIDGE_QUEUE_CAPACITY: '10', NPUBRIDGE_RETRIES: '5'},
      code: {queue: {capacity: 20}, models: {'my.Model': {profile: 'throughput'}}},
    })
    expect(config).to.deep.equal({
      queue: {capacity: 20},
      retries: 5,
      models: {'my.Model': {profile: 'throughput'}},
    })
  })

  it('takes lists and objects from variables', async () => {
    const {config} = await resolveConfig({
      folder: null,
      env: {
        NPUBRIDGE_BATCHING_PREFERRED: '4,8',
        NPUBRIDGE_QUEUE_PER_PRIORITY: '{"low": 5}',
        NPUBRIDGE_PROFILES: '{"mine": {"extends": "throughput"}}',
        NPUBRIDGE_PROFILE: 'mine',
        NPUBRIDGE_METRICS: '0',
      },
    })
    expect(config.batching?.preferred).to.deep.equal([4, 8])
    expect(config.queue?.per_priority).to.deep.equal({low: 5})
    expect(config.profile).to.equal('mine')
    expect(config.metrics).to.equal(false)
  })
})
