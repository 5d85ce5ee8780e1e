import {expect} from 'chai'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {z} from 'zod'

const SCHEMAS = path.resolve(import.meta.dirname, '..', '..', 'docs', 'schemas')

/** Checks the JSON output of a command against docs/schemas, and returns it. */
export function expectSchema<T>(name: string, stdout: string): T {
  const text = readFileSync(path.join(SCHEMAS, `${name}.json`), 'utf8')
  const schema = z.fromJSONSchema(JSON.parse(text) as never)
  const value = JSON.parse(stdout) as T
  const result = schema.safeParse(value)
  expect(result.success, result.success ? '' : `${z.prettifyError(result.error)}\n${stdout}`).to.equal(true)
  return value
}
