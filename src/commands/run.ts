import {Args, Flags, type Interfaces} from '@oclif/core'

import {BaseCommand, ExitError} from '../base-command.ts'
import {PRIORITIES} from '../core/engine/engine.ts'
import {EXIT} from '../core/errors.ts'
import {RUN_EXAMPLES} from '../examples/run.ts'
import {profileFlags} from '../flags/config.ts'
import {lineFlags} from '../flags/run.ts'
import {workflowFlags} from '../flags/workflow.ts'

/** Apart from `await using`: tsc does not rewrite the names of files that are imported in a function with it. */
const loadWorkflows = async () => ({
  ...(await import('../core/open-bridge.ts')),
  ...(await import('../core/workflow/view.ts')),
  ...(await import('../core/workflow/workflow.ts')),
  ...(await import('../ui/workflow-live.ts')),
  ...(await import('../ui/workflow.ts')),
})

export default class Run extends BaseCommand {
  static override enableJsonFlag = false
  static override summary = 'Run the operations of a JSON Lines file, or a workflow'
  static override description = `A file that ends in .yaml, or a .json with "tasks", is a workflow: its tasks are done by agents, in order, and what happens is shown as a tree on a terminal and as JSON Lines elsewhere. Anything else is JSON Lines: each line is an operation; each result is a line, in the same order. A line that is wrong or fails gives an error result, the others still run, and the exit code is 1.

  {"id": "a1", "type": "inference", "model": "silero-vad", "stream": "mic-1", "inputs": {"input": {"data": [0.1, …], "shape": [1, 576], "datatype": "FP32"}}}

A tensor may come from a file instead: {"file": "x.npy"}, a mono WAV, or raw binary with "shape" and "datatype"; "offset", "shape" and "pad" cut a window of it. Paths in a line are relative to the folder of the JSON Lines file.`

  static override examples = RUN_EXAMPLES

  static override args = {
    file: Args.string({
      description: 'workflow, JSON Lines file, or - for standard input',
      ignoreStdin: true,
      required: true,
    }),
  }

  static override flags = {
    ...profileFlags,
    ...workflowFlags,
    ...lineFlags,
    priority: Flags.option({options: PRIORITIES})({description: 'priority of the lines that give none'}),
  }

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Run)
    const {openEngine} = await import('../core/open-bridge.ts')
    const {isWorkflow, notForLines, runFile} = await import('../core/run/run-file.ts')
    const {ProgressLine, renderSummary} = await import('../ui/run.ts')
    if (await isWorkflow(args.file)) return this.#runWorkflow(args.file, flags)
    const foreign = Object.keys(workflowFlags).find((name) => flags[name as keyof typeof workflowFlags])
    if (foreign) throw new ExitError(notForLines(foreign, args.file), EXIT.usage)
    // A line that renews itself has to have the terminal to itself.
    const ownsTerminal = process.stderr.isTTY && (flags.output !== undefined || !process.stdout.isTTY)
    const progress = ownsTerminal ? new ProgressLine(process.stderr) : undefined
    const summary = await runFile({
      concurrency: flags.concurrency,
      defaults: {model: flags.model, priority: flags.priority, timeoutMs: flags['timeout-ms']},
      failFast: flags['fail-fast'],
      file: args.file,
      nonFinite: flags.nonfinite,
      onProgress: progress?.update,
      openEngine: async () => openEngine(flags),
      outputFile: flags.output,
      outputFolder: flags['output-dir'],
      signal: this.interrupted,
      stdin: process.stdin,
      stdout: process.stdout,
      unordered: flags.unordered,
    })
    progress?.clear()
    if (summary.stopped === 'closed') return
    this.logToStderr(renderSummary(summary, {bar: ownsTerminal}).join('\n'))
    if (summary.stopped === 'interrupted') process.exitCode = EXIT.interrupted
    else if (summary.failed + summary.skipped > 0) process.exitCode = EXIT.error
  }

  async #runWorkflow(file: string, flags: Interfaces.InferredFlags<typeof Run.flags>): Promise<void> {
    const {
      configOf,
      workflowEngine,
      planView,
      notesOf,
      prepareWorkflow,
      runWorkflow,
      workflowView,
      renderMermaid,
      renderReport,
      renderTree,
    } = await loadWorkflows()
    await using engine = workflowEngine(flags)
    const prepared = await prepareWorkflow({
      agents: flags.agents,
      breakCycles: flags['break-cycles'],
      config: await configOf(flags),
      file,
      maxParallel: flags['max-parallel'],
      method: flags.method,
      mode: flags.mode,
      openEngine: engine.openEngine,
      signal: this.interrupted,
    })
    const plan = planView(prepared)
    if (flags['dry-run'] || flags.mermaid) {
      for (const note of notesOf(prepared)) this.logToStderr(`! ${note}`)
      this.log(flags.mermaid ? renderMermaid(plan.tasks) : renderTree(plan.name, plan.tasks, plan.levels))
      return
    }

    const {journal, resume} = flags
    await using view = workflowView(plan.tasks, process.stdout)
    const report = await runWorkflow({
      journal,
      onEvent: view.onEvent.bind(view),
      openDelegate: engine.openDelegate,
      openEngine: engine.openEngine,
      prepared,
      resume,
      signal: this.interrupted,
    })
    await view.close()
    this.logToStderr(renderReport(report))
    if (report.interrupted) {
      this.logToStderr(`  Go on with it: npubridge run ${file} --resume`)
      process.exitCode = EXIT.interrupted
    } else if (report.failed > 0) process.exitCode = EXIT.error
  }
}
