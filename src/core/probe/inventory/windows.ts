/**
 * Accelerators of Windows, as far as Node reaches them: Plug and Play by PowerShell. Not tried on a machine with
 * Windows; everything that does not answer as expected counts as not there.
 */
import {z} from 'zod'

import type {RunProcess} from '../../process/run.ts'
import type {Accelerator} from './accelerators.ts'

import {printable} from '../reading.ts'
import {npuPart, otherProduct} from './catalogue.ts'

const LIMIT_MS = 5000
const SCRIPT =
  'ConvertTo-Json -Compress @(Get-PnpDevice -Class ComputeAccelerator -PresentOnly -ErrorAction SilentlyContinue | Select-Object FriendlyName, InstanceId, Status)'

const devices = z.array(
  z.object({FriendlyName: z.string().nullable(), InstanceId: z.string(), Status: z.string().nullable()}),
)

/** What Device Manager shows under "Neural processors"; empty when PowerShell does not answer. */
export async function windowsAccelerators(run: RunProcess, signal?: AbortSignal): Promise<Accelerator[]> {
  const outcome = await run('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', SCRIPT], {
    signal,
    timeoutMs: LIMIT_MS,
  })
  const parsed = devices.safeParse(parseJson(outcome.stdout))
  return parsed.success ? parsed.data.map(asAccelerator) : []
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** An instance id is "PCI\VEN_8086&DEV_7D1D&SUBSYS_…\…". */
function asAccelerator({FriendlyName, InstanceId, Status}: z.infer<typeof devices>[number]): Accelerator {
  const [, vendor = null, device = null] =
    /VEN_([\dA-F]{4})&DEV_([\dA-F]{4})/i.exec(InstanceId)?.map((id) => id.toLowerCase()) ?? []
  const part = npuPart(vendor, device)
  const other = vendor && device ? otherProduct(vendor, device, null) : null
  return {
    name: null,
    address: printable(InstanceId.split('\\', 2).join('\\')),
    vendor,
    device,
    revision: null,
    maker: part ? 'Intel' : (other?.maker ?? 'unknown maker'),
    product: part ? `${part.product} NPU` : (other?.product ?? printable(FriendlyName ?? 'accelerator')),
    part,
    driver: null,
    node: null,
    power: {control: null, status: Status},
    attributes: {},
  }
}
