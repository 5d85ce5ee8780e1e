import type {Peer} from './peer.ts'

import {benchmarkApp} from './benchmark-app.ts'
import {onnxruntime, openvinoNode, openvinoPython} from './programs.ts'

/** In the order in which they are shown. */
export const PEERS: readonly Peer[] = [benchmarkApp, openvinoPython, onnxruntime, openvinoNode]
