/**
 * Conditions of tasks: `lint.status == "completed" and count.output.files > 3`.
 *
 * Comparisons of references (`task.status`, `task.output.path`), texts, numbers, true, false and null, joined by `and`,
 * `or`, `not` and parentheses. There are no calls and no loops, so a condition can neither do anything nor take long.
 */
import {NpuBridgeError} from '../errors.ts'

export type Expression =
  | {readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression}
  | {readonly type: 'compare'; readonly operator: Operator; readonly left: Expression; readonly right: Expression}
  | {readonly type: 'not'; readonly operand: Expression}
  | {readonly type: 'reference'; readonly path: readonly string[]}
  | {readonly type: 'value'; readonly value: boolean | null | number | string}

const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const
type Operator = (typeof OPERATORS)[number]

const TOKEN =
  /\s*(?:(?<operator>==|!=|<=|>=|[<>()])|(?<text>"(?:[^"\\]|\\.)*"|'[^']*')|(?<number>-?\d+(?:\.\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_-]*(?:\[[^\]]*\])?(?:\.[\p{L}\p{N}_-]+)*))/uy
/** Deeper ones are no conditions that anybody can read. */
const DEEPEST = 50

/** @throws {NpuBridgeError} CONFIG_INVALID with the place */
export function parseExpression(source: string): Expression {
  const parser = new Parser(source)
  return parser.parse()
}

/** The first names of all references: the tasks that a condition looks at. */
export function tasksOf(expression: Expression): string[] {
  switch (expression.type) {
    case 'value': {
      return []
    }

    case 'reference': {
      return [expression.path[0]!]
    }

    case 'not': {
      return [...tasksOf(expression.operand)]
    }

    default: {
      return [...tasksOf(expression.left), ...tasksOf(expression.right)]
    }
  }
}

export function evaluate(expression: Expression, lookUp: (path: readonly string[]) => unknown): unknown {
  switch (expression.type) {
    case 'value': {
      return expression.value
    }

    case 'reference': {
      return lookUp(expression.path)
    }

    case 'not': {
      return !evaluate(expression.operand, lookUp)
    }

    case 'and': {
      return evaluate(expression.left, lookUp) && evaluate(expression.right, lookUp)
    }

    case 'or': {
      return evaluate(expression.left, lookUp) || evaluate(expression.right, lookUp)
    }

    case 'compare': {
      return compare(expression.operator, evaluate(expression.left, lookUp), evaluate(expression.right, lookUp))
    }
  }
}

function compare(operator: Operator, left: unknown, right: unknown): boolean {
  if (operator === '==') return (left ?? null) === (right ?? null)
  if (operator === '!=') return (left ?? null) !== (right ?? null)
  const comparable =
    (typeof left === 'number' && typeof right === 'number') || (typeof left === 'string' && typeof right === 'string')
  // What cannot be compared is not larger and not smaller.
  if (!comparable) return false
  if (operator === '<') return left < right
  if (operator === '>') return left > right
  return operator === '<=' ? left <= right : left >= right
}

interface Token {
  readonly kind: 'end' | 'number' | 'operator' | 'text' | 'word'
  readonly text: string
  readonly at: number
}

class Parser {
  readonly #source: string
  #token: Token
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
    this.#token = this.#read()
  }

  parse(): Expression {
    const expression = this.#or()
    if (this.#token.kind !== 'end') throw this.#wrong('nothing more is expected')
    return expression
  }

  #or(): Expression {
    let left = this.#and()
    while (this.#takeWord('or')) left = {type: 'or', left, right: this.#and()}
    return left
  }

  #and(): Expression {
    let left = this.#not()
    while (this.#takeWord('and')) left = {type: 'and', left, right: this.#not()}
    return left
  }

  #not(): Expression {
    if (++this.#depth > DEEPEST) throw this.#wrong('it is nested too deeply')
    const expression: Expression = this.#takeWord('not') ? {type: 'not', operand: this.#not()} : this.#comparison()
    this.#depth--
    return expression
  }

  #comparison(): Expression {
    const left = this.#operand()
    const operator = OPERATORS.find((known) => this.#token.kind === 'operator' && this.#token.text === known)
    if (operator === undefined) return left
    this.#next()
    return {type: 'compare', operator, left, right: this.#operand()}
  }

  #operand(): Expression {
    const {kind, text} = this.#token
    if (kind === 'operator' && text === '(') {
      this.#next()
      const inner = this.#or()
      if (this.#token.text !== ')') throw this.#wrong('")" is expected')
      this.#next()
      return inner
    }

    if (kind === 'end' || kind === 'operator') throw this.#wrong('a value or a task is expected')
    this.#next()
    if (kind === 'number') return {type: 'value', value: Number(text)}
    if (kind === 'text') return {type: 'value', value: text.slice(1, -1).replaceAll(/\\(.)/g, '$1')}
    if (text === 'true' || text === 'false') return {type: 'value', value: text === 'true'}
    if (text === 'null') return {type: 'value', value: null}
    return {type: 'reference', path: splitReference(text)}
  }

  #takeWord(word: string): boolean {
    if (this.#token.kind !== 'word' || this.#token.text !== word) return false
    this.#next()
    return true
  }

  #next(): void {
    this.#token = this.#read()
  }

  #read(): Token {
    TOKEN.lastIndex = this.#at
    const match = TOKEN.exec(this.#source)
    if (!match) {
      const rest = this.#source.slice(this.#at).trim()
      if (rest === '') return {kind: 'end', text: 'the end', at: this.#source.length}
      throw new NpuBridgeError('CONFIG_INVALID', `the condition ${show(this.#source)} has ${show(rest)} in it`)
    }

    const at = this.#at
    this.#at = TOKEN.lastIndex
    const {operator, number, text, word} = match.groups!
    if (operator !== undefined) return {kind: 'operator', text: operator, at}
    if (text !== undefined) return {kind: 'text', text, at}
    if (number !== undefined) return {kind: 'number', text: number, at}
    return {kind: 'word', text: word!, at}
  }

  #wrong(what: string): NpuBridgeError {
    const place = `at ${show(this.#token.text)} (character ${this.#token.at + 1})`
    return new NpuBridgeError('CONFIG_INVALID', `the condition ${show(this.#source)} is wrong ${place}: ${what}`, {
      suggestions: ['a condition looks like: lint.status == "completed" and count.output.files > 3'],
    })
  }
}

/** `task[a.b].output.x` as its parts; what stands in brackets belongs to the task's id. */
export function splitReference(reference: string): string[] {
  const bracket = /^(?<id>[^.[]+\[[^\]]*\])(?:\.(?<rest>.*))?$/s.exec(reference)
  if (!bracket) return reference.split('.')
  const {id, rest} = bracket.groups!
  return [id!, ...(rest === undefined ? [] : rest.split('.'))]
}

/** What is found in `value` along `path`; undefined where there is nothing. Only what a value itself has counts. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<string, unknown>)[part]
  }

  return at
}

function show(value: string): string {
  return JSON.stringify(value)
}
