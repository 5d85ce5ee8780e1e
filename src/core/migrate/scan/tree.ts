import {type Node, parsePython} from './grammar.ts'
import {LineMap, type Position, type Source} from './source.ts'

/**
 * A node of a Python syntax tree, its kinds those of tree-sitter-python. Children are fetched once and kept, so that
 * nodes can be compared by identity and walking a tree twice costs one crossing into the parser.
 */
export class PyNode {
  readonly kind: string
  /** Offsets into the text, in UTF-16 code units; `end` is after the last one. */
  readonly start: number
  readonly end: number
  readonly parent: PyNode | null
  readonly module: PyModule
  readonly #raw: Node
  #children: PyNode[] | null = null

  constructor(raw: Node, parent: PyNode | null, module: PyModule) {
    const range = raw.range()
    this.kind = String(raw.kind())
    this.start = range.start.index
    this.end = range.end.index
    this.parent = parent
    this.module = module
    this.#raw = raw
  }

  get text(): string {
    return this.module.source.text.slice(this.start, this.end)
  }

  get position(): Position {
    return this.module.positionAt(this.start)
  }

  /** Named children only: no punctuation, no keywords; comments are left out too. */
  get children(): readonly PyNode[] {
    this.#children ??= this.#raw
      .children()
      .filter((child) => child.isNamed() && child.kind() !== 'comment')
      .map((child) => new PyNode(child, this, this.module))
    return this.#children
  }

  /** The child in a field of the grammar, such as `name` of a function definition. */
  field(name: string): PyNode | null {
    const raw = this.#raw.field(name)
    if (!raw) return null
    const {start, end} = raw.range()
    const kind = String(raw.kind())
    return (
      this.children.find((child) => child.start === start.index && child.end === end.index && child.kind === kind) ??
      null
    )
  }

  /** Whether a keyword such as `async` is written directly in this node. */
  hasKeyword(keyword: string): boolean {
    return this.#raw.children().some((child) => !child.isNamed() && child.kind() === keyword)
  }

  /**
   * This node and all below it, in the order of the text; `enter` says whether to go below a node. Sources nest deeper
   * than the stack allows, hence the list of what is left to visit.
   *
   * @yields {PyNode} each node before those below it
   */
  *walk(enter: (node: PyNode) => boolean = () => true): Generator<PyNode> {
    const left: PyNode[] = [this]
    for (let node = left.pop(); node; node = left.pop()) {
      yield node
      if (node !== this && !enter(node)) continue
      for (let index = node.children.length - 1; index >= 0; index -= 1) left.push(node.children[index]!)
    }
  }

  /** All below (and including) this node of one of the given kinds. */
  all(...kinds: readonly string[]): PyNode[] {
    return [...this.walk()].filter((node) => kinds.includes(node.kind))
  }

  /**
   * What this node is in.
   *
   * @yields {PyNode} from the parent outwards
   */
  *ancestors(): Generator<PyNode> {
    for (let node = this.parent; node; node = node.parent) yield node
  }

  /** The nearest enclosing node of one of the given kinds. */
  closest(...kinds: readonly string[]): PyNode | null {
    for (const node of this.ancestors()) if (kinds.includes(node.kind)) return node
    return null
  }

  /** Whether the parser had to give up somewhere in here. */
  get hasSyntaxError(): boolean {
    return this.kind === 'ERROR' || this.#raw.has({rule: {kind: 'ERROR'}})
  }
}

/** A parsed file. */
export class PyModule {
  readonly source: Source
  readonly root: PyNode
  #lines: LineMap | null = null

  constructor(source: Source) {
    this.source = source
    this.root = new PyNode(parsePython(source.text), null, this)
  }

  positionAt(offset: number): Position {
    this.#lines ??= new LineMap(this.source.text)
    return this.#lines.at(offset)
  }
}

const ESCAPES: Record<string, string> = {'"': '"', "'": "'", '\\': '\\', n: '\n', r: '\r', t: '\t'}

/** The value of a plain string literal, implicit concatenation included; null when it is interpolated or of bytes. */
export function stringValue(node: PyNode): string | null {
  if (node.kind === 'parenthesized_expression') {
    const [inner, ...others] = node.children
    return inner && others.length === 0 ? stringValue(inner) : null
  }

  if (node.kind === 'concatenated_string') {
    const parts = node.children.map((child) => stringValue(child))
    return parts.includes(null) ? null : parts.join('')
  }

  if (node.kind !== 'string') return null
  const prefix = /^[a-z]*/i.exec(node.text)![0].toLowerCase()
  if (prefix.includes('b') || prefix.includes('f')) return null
  const content = node.children
    .filter((child) => child.kind === 'string_content')
    .map((child) => child.text)
    .join('')
  return prefix.includes('r') ? content : content.replaceAll(/\\(["'\\nrt])/g, (_, char: string) => ESCAPES[char]!)
}
