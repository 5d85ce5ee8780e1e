import {expect} from 'chai'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import {ignoreEvents} from '../../../../src/core/migrate/events.ts'
import {promote} from '../../../../src/core/migrate/promote.ts'
import {
  commitAll,
  fixture,
  fixtureTree,
  optionsFor,
  ownTests,
  python,
  removeFolders,
  runMigrate,
  runRollback,
  snapshot,
  treeOf,
  V1_MODULE,
  withNpubridge,
  withoutProcesses,
} from '../workspace.ts'

async function shadowed(source: string): Promise<string> {
  const root = treeOf({'npu_coordination_bridge.py': source})
  await runMigrate(root, {strategy: 'shadow'}, withoutProcesses())
  return root
}

/** Runs code against a roll-out with the given share; the stand-in, because it can be told apart and made to differ. */
function run(root: string, share: string, lines: readonly string[], env: Record<string, string> = withNpubridge()) {
  return python(root, ['-c', lines.join('\n')], {...env, NPUBRIDGE_ROLLOUT: share})
}

const COUNTING = [
  'import asyncio, collections, logging, sys',
  'import npu_coordination_bridge as b',
  'seen = collections.Counter()',
  'def count(module, name, label):',
  '    old = getattr(module.NPUCoordinationBridge, name)',
  '    def counted(self, *args, **kwargs):',
  '        seen[label] += 1',
  '        return old(self, *args, **kwargs)',
  '    setattr(module.NPUCoordinationBridge, name, counted)',
]

describe('the wrapper of a roll-out', () => {
  after(removeFolders)

  it('runs the original and never touches npubridge at a share of 0', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      'import npu_coordination_bridge as b, sys',
      'bridge = b.NPUCoordinationBridge()',
      'print(bridge.calculate_priority("security-x"), type(bridge).__name__, type(bridge).__module__)',
      'print("npubridge" in sys.modules, b.__npubridge__["strategy"])',
    ]
    for (const share of ['', '0']) {
      const {stdout, stderr} = run(root, share, code)
      expect(stdout, stderr).to.equal('10 NPUCoordinationBridge npu_coordination_bridge\nFalse shadow\n')
    }
  })

  it('sends exactly the share of calls through npubridge', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      ...COUNTING,
      'from npubridge import compat',
      'count(compat, "calculate_priority", "new")',
      'bridge = b.NPUCoordinationBridge()',
      'for _ in range(200): bridge.calculate_priority("director")',
      'print(seen["new"])',
    ]
    for (const [share, expected] of [
      ['0', '0'],
      ['25', '50'],
      ['1.5', '3'],
      ['100', '200'],
    ] as const) {
      const {stdout, stderr} = run(root, share, code)
      expect(stdout.trim(), stderr).to.equal(expected)
    }
  })

  it('says once that a share makes no sense, and takes it as 0', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      'import npu_coordination_bridge as b',
      'bridge = b.NPUCoordinationBridge()',
      'for _ in range(3): bridge.calculate_priority("x")',
    ]
    for (const share of ['much', '101', '-1', 'nan']) {
      const {stderr, code: status} = run(root, share, code)
      expect(status).to.equal(0)
      expect(stderr.match(/RuntimeWarning: NPUBRIDGE_ROLLOUT=/g)).to.have.length(1)
    }
  })

  it('logs where pure methods differ, ids and times aside, and stays silent where they agree', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      ...COUNTING,
      'from npubridge import compat',
      'bridge = b.NPUCoordinationBridge()',
      'tasks = [{"agent": "x", "priority": 3}, {"agent": "y", "priority": 1}]',
      'identifier, made = asyncio.run(bridge.create_workflow(tasks))',
      'print([type(t).__module__ for t in made], [t.agent_name for t in made], identifier.startswith("workflow_"))',
      'print([t.task_id for t in bridge.resolve_dependencies(made)] == [t.task_id for t in made])',
      'compat.NPUCoordinationBridge.calculate_priority = lambda self, name: 77',
      'print(bridge.calculate_priority("director"))',
    ]
    const {stdout, stderr} = run(root, '100', code)
    expect(stdout, stderr).to.equal(
      "['npu_coordination_bridge', 'npu_coordination_bridge'] ['y', 'x'] True\nTrue\n77\n",
    )
    const differences = stderr.split('\n').filter((line) => line.includes('npubridge.rollout'))
    expect(differences).to.deep.equal([
      'WARNING:npubridge.rollout:calculate_priority differs: original 1, npubridge 77',
    ])
  })

  it('answers with the original when npubridge fails in a pure method, and logs that', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      ...COUNTING,
      'from npubridge import compat',
      'def fail(self, name): raise KeyError("broken")',
      'compat.NPUCoordinationBridge.calculate_priority = fail',
      'print(b.NPUCoordinationBridge().calculate_priority("director"))',
    ]
    const {stdout, stderr} = run(root, '100', code)
    expect(stdout.trim()).to.equal('1')
    expect(stderr).to.include("calculate_priority differs: original 1, npubridge KeyError: 'broken'")
  })

  it('gets an answer from npubridge where the original recurses without end', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      'import npu_coordination_bridge as b',
      'tasks = [b.WorkflowTask("a", "x", "", 1, ["b"]), b.WorkflowTask("b", "y", "", 2, ["a"])]',
      'groups = b.NPUCoordinationBridge().group_by_execution_level(tasks)',
      'print(sum(len(group) for group in groups.values()))',
    ]
    const {stdout, stderr} = run(root, '100', code)
    expect(stdout.trim(), stderr).to.equal('2')
    expect(stderr).to.include('group_by_execution_level differs: original RecursionError')
  })

  it('executes a workflow once, by whoever is chosen, and keeps the books complete', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      ...COUNTING,
      'from npubridge import compat',
      'count(compat, "execute_workflow", "new")',
      'async def main():',
      '    bridge = b.NPUCoordinationBridge()',
      '    await bridge.initialize()',
      '    for _ in range(4):',
      '        result = await bridge.execute_workflow("w", [b.WorkflowTask("a", "x", "")])',
      '        assert type(result) is b.WorkflowResult, type(result)',
      '    print(seen["new"], bridge._npubridge_twin.initialized, len(bridge.workflow_history))',
      '    print(bridge.get_performance_summary()["recent_performance"]["total_tasks_executed"])',
      'asyncio.run(main())',
    ]
    const {stdout, stderr} = run(root, '50', code)
    expect(stdout, stderr).to.equal('2 True 4\n4\n')
  })

  it('fetches the result of an operation from whoever took it', async () => {
    const root = await shadowed(fixture('v2'))
    const code = [
      'import asyncio, npu_coordination_bridge as b',
      'async def main():',
      '    bridge = await b.create_npu_bridge({"worker_threads": 1})',
      '    for i in range(10):',
      '        await bridge.submit_operation(b.NPUOperation(str(i), "echo", [float(i)]))',
      '    results = [await bridge.get_result(str(i)) for i in range(10)]',
      '    print([r.result_data[0] for r in results], {type(r) is b.NPUResult for r in results})',
      '    stats = bridge.get_performance_stats()',
      '    print(stats["operations_completed"], bridge._npubridge_twin.config["worker_threads"])',
      '    try: await bridge.get_result("never", timeout_ms=5)',
      '    except ValueError as error: print(error)',
      '    await bridge.shutdown()',
      'asyncio.run(main())',
    ]
    const {stdout, stderr} = run(root, '30', code)
    expect(stdout, stderr).to.equal(
      '[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0] {True}\n10 1\nunknown operation: never\n',
    )
  })

  it('sends everything to the original when npubridge is missing, and says so once', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      'import npu_coordination_bridge as b',
      'bridge = b.NPUCoordinationBridge()',
      'print([bridge.calculate_priority("director") for _ in range(3)])',
    ]
    const {stdout, stderr} = run(root, '100', code, {})
    expect(stdout.trim()).to.equal('[1, 1, 1]')
    expect(stderr.match(/sends every call to the original/g)).to.have.length(1)
  })

  it('can be subclassed, patched and inspected like the original', async () => {
    const root = await shadowed(fixture('v1'))
    const code = [
      'import inspect, npu_coordination_bridge as b',
      'class Own(b.NPUCoordinationBridge):',
      '    def calculate_priority(self, agent_name): return 5',
      'print(Own().calculate_priority("x"), isinstance(Own(), b.NPUCoordinationBridge))',
      'print(inspect.signature(b.NPUCoordinationBridge.execute_workflow))',
      'print(inspect.iscoroutinefunction(b.NPUCoordinationBridge.execute_workflow))',
    ]
    const {stdout, stderr} = run(root, '100', code)
    expect(stdout, stderr).to.include('5 True\n(self, workflow_id: str')
    expect(stdout.trimEnd().endsWith('True')).to.equal(true)
  })

  it('passes the tests of the callers at every share, and promote finishes what rollback takes back step by step', async () => {
    const root = commitAll(fixtureTree('v1'))
    const original = snapshot(root)
    const begun = await runMigrate(root, {strategy: 'shadow', allowDirty: false, allowNoVcs: false})
    expect(begun.status).to.equal('migrated')
    expect(begun.plan?.rewrites).to.deep.equal([])
    for (const share of ['0', '50', '100']) {
      const {code, stderr} = ownTests(root, {...withNpubridge(), NPUBRIDGE_ROLLOUT: share})
      expect(code, `${share}: ${stderr}`).to.equal(0)
    }

    const inRollout = snapshot(root)
    expect((await runMigrate(root)).status).to.equal('already-migrated')

    // The guard looks at git, where the roll-out is not committed: that is its own doing and in nobody's way.
    const options = optionsFor(root, {allowDirty: false, allowNoVcs: false})
    const {nodeEffects} = await import('../../../../src/core/migrate/node-effects.ts')
    const promoted = await promote(nodeEffects(), options, ignoreEvents)
    expect(promoted.status).to.equal('migrated')
    expect(promoted.plan?.rewrites).not.to.be.empty
    expect(readFileSync(path.join(root, V1_MODULE), 'utf8')).to.include('# strategy: replace')
    expect(ownTests(root, withNpubridge()).code).to.equal(0)
    expect((await promote(nodeEffects(), options, ignoreEvents)).status).to.equal('already-migrated')

    expect((await runRollback(root)).remaining).to.have.length(1)
    expect(snapshot(root)).to.deep.equal(inRollout)
    expect((await runRollback(root)).remaining).to.deep.equal([])
    expect(snapshot(root)).to.deep.equal(original)
  })
})
