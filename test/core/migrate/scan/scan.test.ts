import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {mkdirSync, symlinkSync} from 'node:fs'
import path from 'node:path'

import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {scanTree} from '../../../../src/core/migrate/scan/scan.ts'
import {fixture, fixtureTree, removeFolders, snapshot, treeOf, V2_MODULE} from '../workspace.ts'

async function scanOf(root: string) {
  return (await scanTree(root, nodeEffects())).report
}

function notebook(...cells: string[]): string {
  const code = cells.map((source) => ({cell_type: 'code', metadata: {}, outputs: [], source: source.split(/(?<=\n)/)}))
  return JSON.stringify({cells: code, metadata: {}, nbformat: 4, nbformat_minor: 5})
}

describe('a scan', () => {
  after(removeFolders)

  it('finds the module of either generation in any folder and under any name, by its structure', async () => {
    const renamed = fixture('v1').replaceAll('NPUCoordinationBridge', 'FastBridge')
    const report = await scanOf(
      treeOf({
        'deep/down/npu_coordination_bridge.py': fixture('v2'),
        'lib/fast_path.py': renamed,
        'other/npu_coordination_bridge.py': 'class NPUCoordinationBridge:\n    def close(self): ...\n',
        'facade.py': 'from lib.fast_path import FastBridge, WorkflowTask, WorkflowResult, CoordinationMode\n',
      }),
    )
    expect(report.modules.map(({path: file, generation, className}) => [file, generation, className])).to.deep.equal([
      ['deep/down/npu_coordination_bridge.py', 'v2', 'NPUCoordinationBridge'],
      ['lib/fast_path.py', 'v1', 'FastBridge'],
    ])
    expect(report.importers.map(({path: file}) => file)).to.deep.equal(['facade.py'])
  })

  it('finds the six defects of the first generation, each with its place and an explanation', async () => {
    const {modules} = await scanOf(fixtureTree('v1'))
    const [module] = modules
    expect(new Set(module!.defects.map(({kind}) => kind))).to.deep.equal(
      new Set([
        'cyclic-dependencies',
        'missing-import',
        'unguarded-shared-state',
        'shell-syntax-in-path',
        'swallowed-exception',
        'unbounded-cache',
      ]),
    )
    const lines = fixture('v1').split('\n')
    for (const {line, column, explanation} of module!.defects) {
      expect(lines[line - 1]!.length).to.be.at.least(column)
      expect(explanation).to.match(/^\S.{20,}$/)
    }
  })

  it('sees importers in every form, conditional ones and strings included, and tells what each asks for', async () => {
    const root = treeOf({
      'pkg/__init__.py': '',
      'pkg/npu_coordination_bridge.py': fixture('v2'),
      'pkg/relative.py': 'from .npu_coordination_bridge import Priority as P\n',
      'pkg/sibling.py': 'from . import npu_coordination_bridge as bridge\nbridge.get_bridge_status()\n',
      'dotted.py': 'import pkg.npu_coordination_bridge\npkg.npu_coordination_bridge.NPUOperation\n',
      'string.py': 'import importlib\nm = importlib.import_module("pkg.npu_coordination_bridge")\n',
      'conditional.py': [
        'try:',
        '    from pkg.npu_coordination_bridge import NPUDashboard',
        'except ImportError:',
        '    NPUDashboard = None',
        '',
      ].join('\n'),
    })
    const {importers} = await scanOf(root)
    expect(importers.map(({path: file}) => file)).to.have.members([
      'conditional.py',
      'dotted.py',
      'pkg/relative.py',
      'pkg/sibling.py',
      'string.py',
    ])
    for (const {references} of importers)
      expect(references[0]!.target, JSON.stringify(references)).to.equal('pkg/npu_coordination_bridge.py')
    const [conditional] = importers.find(({path: file}) => file === 'conditional.py')!.references
    expect(conditional).to.deep.include({guarded: true, line: 2})
    expect(conditional!.names).to.deep.equal([
      {name: 'NPUDashboard', via: 'import', line: 2, column: 45, before: false, after: 'missing'},
    ])
  })

  it('reads notebooks cell by cell, and only reports mentions elsewhere', async () => {
    const root = treeOf({
      'npu_coordination_bridge.py': fixture('v1'),
      'n.ipynb': notebook('%pip list\nx = 1\n', 'import os\nfrom npu_coordination_bridge import WorkflowTask\n'),
      'torn.ipynb': '{"cells": [{"source": "import npu_coordination_bridge',
      Dockerfile: 'COPY npu_coordination_bridge.py /\n',
    })
    const {importers, mentions, problems} = await scanOf(root)
    expect(importers.map(({path: file, kind}) => [file, kind])).to.deep.equal([['n.ipynb', 'notebook']])
    expect(importers[0]!.references[0]).to.deep.include({cell: 2, line: 2})
    expect(mentions.map(({path: file, line, column}) => [file, line, column])).to.deep.include(['Dockerfile', 1, 6])
    expect(problems.map(({path: file}) => file)).to.deep.equal(['torn.ipynb'])
  })

  it('leaves environments, packages and caches out, enters no linked folder, and writes nothing', async () => {
    const root = treeOf({
      '.venv/pyvenv.cfg': 'home = /usr\n',
      '.venv/lib/npu_coordination_bridge.py': fixture('v1'),
      'named/pyvenv.cfg': 'home = /usr\n',
      'named/lib/npu_coordination_bridge.py': fixture('v1'),
      'node_modules/x/npu_coordination_bridge.py': fixture('v1'),
      'lib/site-packages/npu_coordination_bridge.py': fixture('v1'),
      'real/npu_coordination_bridge.py': fixture('v2'),
    })
    symlinkSync('real', path.join(root, 'linked'))
    mkdirSync(path.join(root, 'loop'))
    symlinkSync('..', path.join(root, 'loop/up'))
    const before = snapshot(root)
    const {modules, skipped} = await scanOf(root)
    expect(modules.map(({path: file}) => file)).to.deep.equal(['real/npu_coordination_bridge.py'])
    expect(skipped.map(({path: file}) => file)).to.include.members(['.venv', 'named', 'node_modules'])
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('understands CRLF, a byte order mark, latin-1, Python 2 and what is no Python at all', async () => {
    const caller = 'from npu_coordination_bridge import WorkflowTask\r\nname = "grün"\r\n'
    const root = treeOf({
      'npu_coordination_bridge.py': Buffer.concat([
        Buffer.from([0xef, 0xbb, 0xbf]),
        Buffer.from(fixture('v1').replaceAll('\n', '\r\n')),
      ]),
      'latin.py': Buffer.from(`# -*- coding: latin-1 -*-\r\n${caller}`, 'latin1'),
      'two.py': 'from npu_coordination_bridge import WorkflowTask\nprint "old", `WorkflowTask`\n',
      'torn.py': 'from npu_coordination_bridge import WorkflowTask\nif x = = 1:\n',
      'binary.py': Buffer.concat([Buffer.from('npu_coordination_bridge'), Buffer.from([0, 0xff, 0xfe, 0])]),
    })
    const {modules, importers, problems} = await scanOf(root)
    expect(modules.map(({generation}) => generation)).to.deep.equal(['v1'])
    expect(importers.map(({path: file}) => file)).to.include.members(['latin.py', 'two.py', 'torn.py'])
    expect(problems.map(({path: file}) => file)).to.include.members(['torn.py', 'two.py'])
  })

  it('counts what it read, and ends when it is told to', async () => {
    const root = fixtureTree('v2')
    const {statistics} = await scanOf(root)
    expect(statistics.pythonFiles).to.be.lessThan(statistics.files)
    expect(statistics.filesPerSecond).to.be.greaterThan(0)
    const {modules} = await scanOf(root)
    expect(modules.map(({path: file}) => file)).to.deep.equal([V2_MODULE])
    let failure: unknown
    await scanTree(fixtureTree('v1'), nodeEffects(), {signal: AbortSignal.abort(new Error('told to'))}).catch(
      (error: unknown) => {
        failure = error
      },
    )
    expect(String(failure)).to.include('told to')
  })
})
