import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import {CASES} from '../../fixtures/probe/cases.ts'
import {probeCase} from './fixture.ts'

const FILE = path.resolve(import.meta.dirname, '../../../docs/schemas/probe.schema.json')

/** The same schema with every object closed, so that a field that is not documented is noticed. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((part) => closed(part))
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part)]))
  return copy.type === 'object' && copy.properties ? {...copy, additionalProperties: false} : copy
}

describe('the JSON of a probe', () => {
  const schema = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, unknown>
  const validate = new Ajv2020({allowUnionTypes: true, formats: {uri: /^https:/}}).compile(
    closed(schema) as Record<string, unknown>,
  )

  for (const name of Object.keys(CASES)) {
    it(`fits its schema for ${name}`, async () => {
      const json = JSON.stringify(await probeCase(name))
      expect(validate(JSON.parse(json)), JSON.stringify(validate.errors)).to.equal(true)
    })
  }

  it('does not fit it with a field missing', async () => {
    const {rootCause, ...rest} = await probeCase('healthy-meteor-lake')
    expect(rootCause).to.equal(null)
    const json = JSON.stringify(rest)
    expect(validate(JSON.parse(json))).to.equal(false)
  })
})
