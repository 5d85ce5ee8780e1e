import {BaseCommand} from '../base-command.ts'
import {workerFlags} from '../flags/worker.ts'

export default class Worker extends BaseCommand {
  static override summary = 'Join a pool of hosts and run its operations on this one'
  static override description = `Takes jobs from the BullMQ queues of a Redis or Valkey server, urgent ones first, runs them on the engine of this host, and answers whoever submitted them. It announces its devices, models and load with a heartbeat. SIGTERM lets it end what it has; a second one does not. What a worker had that dies is given to another one.

Jobs name models and agents and never a path or a program. Agents are run that --allow-agent names, and no others.`

  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379',
      description: 'Join the pool that meets at a Redis server on this host',
    },
    {
      command:
        '<%= config.bin %> <%= command.id %> --queue rediss://npu:secret@queue.example:6380 --load minilm --name rack3-npu0',
      description: 'Over TLS, as an ACL user, with a model loaded beforehand',
    },
    {
      description: 'Little at once, on the NPU, from a folder of models',
      command:
        '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379 --capacity 4 --device npu --engine native --models ./models',
    },
    {
      description: 'For tasks of workflows, too; a minute to end what it has',
      command:
        '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379 --agents ./agents --allow-agent link-checker --drain-ms 60000',
    },
  ]

  static override flags = workerFlags

  async run(): Promise<void> {
    const {flags} = await this.parse(Worker)
    const {createBridge} = await import('../core/bridge.ts')
    const {configuredCluster} = await import('../core/cluster/options.ts')
    const {runWorker} = await import('../core/cluster/worker/run.ts')
    const {configOf} = await import('../core/open-bridge.ts')
    const {resolvePaths} = await import('../core/paths.ts')
    const {renderJoined, renderWorkerEvent} = await import('../ui/cluster.ts')
    const {agents, capacity, load = [], models, name} = flags
    const config = await configOf(flags)
    const modelsFolder = models ?? resolvePaths().models
    await runWorker({
      agentsFolder: agents,
      allowedAgents: flags['allow-agent'] ?? [],
      capacity,
      config,
      drainMs: flags['drain-ms'],
      load,
      modelsFolder,
      name,
      onEvent: (event) => {
        this.logToStderr(renderWorkerEvent(event))
      },
      onJoined: (joined) => {
        if (this.jsonEnabled()) this.logJson(joined)
        else this.log(renderJoined(joined))
      },
      openEngine: async (settings) => createBridge({config: settings, modelsFolder, signal: this.interrupted}),
      options: configuredCluster({config, env: process.env, queue: flags.queue}),
      signal: this.interrupted,
      version: this.config.version,
    })
  }
}
