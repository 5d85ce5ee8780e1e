import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import {findReferences} from '../../../../src/core/migrate/scan/references.ts'
import {decodeSource} from '../../../../src/core/migrate/scan/source.ts'
import {PyModule} from '../../../../src/core/migrate/scan/tree.ts'

const NAME = 'npu_coordination_bridge'

function references(source: string) {
  const file = new PyModule(decodeSource(Buffer.from(source)))
  return findReferences(file, {isStem: (name) => name === NAME}).map((reference) => ({
    form: reference.form,
    module: reference.module,
    at: `${reference.node.position.line}:${reference.node.position.column}`,
    condition: reference.condition,
    guarded: reference.guarded,
    names: reference.names.map(({name}) => name),
  }))
}

/** The parts that differ from a plain import in line 1. */
function only(source: string) {
  const [first, ...others] = references(source)
  expect(others, source).to.deep.equal([])
  expect(first, source).not.to.equal(undefined)
  return first!
}

describe('references to the module', () => {
  for (const [source, form, module, names] of [
    [`import ${NAME}\n${NAME}.Priority.LOW`, 'import', NAME, ['Priority']],
    [`import ${NAME} as b\nb.A(); x.b.C; b.D.E`, 'import', NAME, ['A', 'D']],
    [`import os, a.b.${NAME}\na.b.${NAME}.X`, 'import', `a.b.${NAME}`, ['X']],
    [`import a.${NAME} as n, sys\ngetattr(n, "Y")\ngetattr(n, "Z", None)`, 'import', `a.${NAME}`, ['Y']],
    [`from ${NAME} import A, B as C`, 'from', NAME, ['A', 'B']],
    [`from a . ${NAME} import (A,\n  B, # note\n)`, 'from', `a.${NAME}`, ['A', 'B']],
    [`from .${NAME} import A`, 'from', `.${NAME}`, ['A']],
    [`from ...a.${NAME} import A`, 'from', `...a.${NAME}`, ['A']],
    [`from . import ${NAME}\n${NAME}.A`, 'from-package', `.${NAME}`, ['A']],
    [`from a.b import c, ${NAME} as d\nd.A`, 'from-package', `a.b.${NAME}`, ['A']],
    [`from .. import ${NAME} as d`, 'from-package', `..${NAME}`, []],
    [`from ${NAME} import *\nfoo(A, os.path)\ndef f(bar): return bar`, 'star', NAME, ['foo', 'A', 'os']],
    [`m = importlib.import_module("a.${NAME}")\nm.A`, 'string', `a.${NAME}`, ['A']],
    [`import_module(".${NAME}", package="a.b").A`, 'string', `a.b.${NAME}`, []],
    [`import_module("..${NAME}", "a.b.c")`, 'string', `a.b.${NAME}`, []],
    [`N = "a.${NAME}"\nimportlib.import_module(N)`, 'string', `a.${NAME}`, []],
    [`__import__("${NAME}")`, 'string', NAME, []],
    [`pytest.importorskip("a." "${NAME}")`, 'string', `a.${NAME}`, []],
    [`importlib.util.find_spec('${NAME}')`, 'string', NAME, []],
    [`spec_from_file_location("${NAME}", "/x/a/${NAME}.py")`, 'path', `/x/a/${NAME}.py`, []],
    [`runpy.run_path(os.path.join(here, "${NAME}.py"))`, 'path', `${NAME}.py`, []],
    [`mock.patch("a.${NAME}.NPU_AVAILABLE", True)`, 'patch', `a.${NAME}`, ['NPU_AVAILABLE']],
    [`@patch("${NAME}.NPUCoordinationBridge.initialize")\ndef test(m): pass`, 'patch', NAME, ['NPUCoordinationBridge']],
  ] as const) {
    it(`are seen in ${JSON.stringify(source)}`, () => {
      const found = only(source)
      expect({form: found.form, module: found.module, names: found.names}).to.deep.equal({form, module, names})
    })
  }

  for (const source of [
    `import ${NAME}_old`,
    `from a import b # ${NAME}`,
    `text = "${NAME}"`,
    `import_module("${NAME}.py.bak")`,
    `logging.getLogger("${NAME}")`,
    `from ${NAME}.sub import x`,
    'import_module(f"{folder}.npu_coordination_bridge")',
  ]) {
    it(`are not seen in ${JSON.stringify(source)}`, () => {
      expect(references(source)).to.deep.equal([])
    })
  }

  for (const [source, condition, guarded] of [
    [`try:\n  import ${NAME}\nexcept ImportError:\n  pass`, 'try', true],
    [`try:\n  import ${NAME}\nexcept (KeyError, ModuleNotFoundError) as e:\n  pass`, 'try', true],
    [`try:\n  import ${NAME}\nexcept:\n  pass`, 'try', true],
    [`try:\n  import ${NAME}\nexcept KeyError:\n  pass`, 'try', false],
    [`try:\n  import ${NAME}\nfinally:\n  pass`, 'try', false],
    [`try:\n  import x\nexcept ImportError:\n  import ${NAME}`, 'try', false],
    [`try:\n  pass\nexcept ImportError:\n  pass\nelse:\n  import ${NAME}`, null, false],
    [`if x:\n  import ${NAME}`, 'if', false],
    [`if typing.TYPE_CHECKING:\n  import ${NAME}`, 'type-checking', false],
    [`def f():\n  import ${NAME}`, 'function', false],
    [`try:\n  if x:\n    import ${NAME}\nexcept Exception:\n  pass`, 'if', true],
    [`class A:\n  import ${NAME}`, null, false],
  ] as const) {
    it(`know their circumstances in ${JSON.stringify(source)}`, () => {
      const found = only(source)
      expect({condition: found.condition, guarded: found.guarded}).to.deep.equal({condition, guarded})
    })
  }

  it('know their place behind a byte order mark, CRLF and characters of two units', () => {
    const source = Buffer.from(`\u{FEFF}x = "😀"; import ${NAME}\r\n\r\nif x: from ${NAME} import A`)
    const file = new PyModule(decodeSource(source))
    const places = findReferences(file, {isStem: (name) => name === NAME}).map(({node}) => node.position)
    expect(places).to.deep.equal([
      {line: 1, column: 11},
      {line: 3, column: 7},
    ])
  })
})
