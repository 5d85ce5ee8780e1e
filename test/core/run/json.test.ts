import {expect} from 'chai'
import fc from 'fast-check'

import {firstWrongCharacter, isUnsafeInteger, parseJson, parseJsonExactly, rawJson} from '../../../src/core/run/json.ts'
import {errorOf} from './expect-error.ts'

describe('parseJson', () => {
  it('parses what is JSON', () => {
    expect(parseJson('{"a": [1, 2.5, "x", null, true]}')).to.deep.equal({a: [1, 2.5, 'x', null, true]})
  })

  for (const [text, column, what] of [
    ['{"a": 1,}', 9, 'unexpected "}"'],
    ['{"a" 1}', 6, 'unexpected "1"'],
    ["{'a': 1}", 2, `unexpected "'"`],
    ['{"a": NaN}', 7, 'unexpected "N"'],
    ['{"a": -Infinity}', 8, 'unexpected "I"'],
    ['{"a": tru}', 10, 'unexpected "}"'],
    ['{"a": [1 2]}', 10, 'unexpected "2"'],
    ['[1, 2', 6, 'unexpected end of line'],
    ['', 1, 'unexpected end of line'],
    ['{"a": 1} x', 10, 'unexpected "x"'],
    ['{"a": 01}', 8, 'unexpected "1"'],
    ['{"a": "b\tc"}', 9, String.raw`unexpected "\t"`],
    [String.raw`{"a": "\x"}`, 9, 'unexpected "x"'],
    [String.raw`{"a": "\u12"}`, 9, 'unexpected "u"'],
    ['{"a": "😀" 😀}', 12, 'unexpected "😀"'],
    ['hello', 1, 'unexpected "h"'],
    ['[1,]', 4, 'unexpected "]"'],
    ['{,}', 2, 'unexpected ","'],
    ['{"a": .5}', 7, 'unexpected "."'],
    ['[1}', 3, 'unexpected "}"'],
  ] as const) {
    it(`names the column of what is wrong in ${text}`, () => {
      errorOf(() => parseJson(text), 'PROTOCOL_ERROR', `not JSON at column ${column}: ${what}`)
    })
  }

  it('says what to do about NaN, single quotes, Python words and comments', () => {
    const adviceFor = (text: string) => errorOf(() => parseJson(text), 'PROTOCOL_ERROR', /not JSON/).suggestions[0]
    expect(adviceFor('[NaN]')).to.contain('--nonfinite string')
    expect(adviceFor('[-Infinity]')).to.contain('--nonfinite string')
    expect(adviceFor("{'a': 1}")).to.contain('double quotes')
    expect(adviceFor('[True]')).to.contain('true, false and null')
    expect(adviceFor('# a comment')).to.contain('no comments')
    expect(adviceFor('{"a":')).to.contain('one whole JSON object a line')
  })

  it('finds a wrong character exactly where V8 refuses the text', () => {
    const mutated = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', ',', '}', ']', '"', ':', '1', 'x', '\\', '-', '.'),
    )
    fc.assert(
      fc.property(mutated, ([json, at, piece]) => {
        const position = at % (json.length + 1)
        const text = json.slice(0, position) + piece + json.slice(position + 1)
        const isJson = canParse(text)
        const wrong = firstWrongCharacter(text)
        if (isJson) expect(wrong).to.equal(text.length)
        // Up to what is wrong, the text must be the beginning of some JSON text.
        else expect(wrong).to.be.at.most(text.length)
        if (!isJson && wrong === text.length) expect(canParse(`${text} x`)).to.equal(false)
      }),
      {numRuns: 500},
    )
  })

  it('does not fall over a nesting of any depth', () => {
    errorOf(() => parseJson('['.repeat(2_000_000)), 'PROTOCOL_ERROR', /not JSON at column/)
  })
})

function canParse(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('parseJsonExactly', () => {
  it('reads integers beyond 2^53 as bigints and leaves all other numbers alone', () => {
    const text =
      '[9007199254740993, -9223372036854775808, 18446744073709551615, 9007199254740991, 1e300, 0.5, "9007199254740993"]'
    expect(parseJsonExactly(text)).to.deep.equal([
      9_007_199_254_740_993n,
      -9_223_372_036_854_775_808n,
      18_446_744_073_709_551_615n,
      9_007_199_254_740_991,
      1e300,
      0.5,
      '9007199254740993',
    ])
  })

  it('refuses what is nested too deeply for the call stack', () => {
    const deep = `${'['.repeat(200_000)}9007199254740993${']'.repeat(200_000)}`
    errorOf(() => parseJsonExactly(deep), 'INVALID_ARGUMENT', 'the line is nested too deeply')
  })

  it('gives back any 64-bit integer that was written', () => {
    fc.assert(
      fc.property(fc.bigInt({max: 2n ** 64n - 1n, min: -(2n ** 63n)}), (value) => {
        const [parsed] = parseJsonExactly(`[${value}]`) as [bigint | number]
        expect(BigInt(parsed)).to.equal(value)
        expect(JSON.stringify([rawJson(String(value))])).to.equal(`[${value}]`)
      }),
    )
  })
})

describe('isUnsafeInteger', () => {
  it('is true for numbers beyond 2^53 only', () => {
    expect(isUnsafeInteger(2 ** 53)).to.equal(true)
    expect(isUnsafeInteger(-(2 ** 60))).to.equal(true)
    expect(isUnsafeInteger(2 ** 53 - 1)).to.equal(false)
    expect(isUnsafeInteger(Infinity)).to.equal(false)
    expect(isUnsafeInteger('9007199254740993')).to.equal(false)
  })
})
