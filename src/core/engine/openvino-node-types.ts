/**
 * The part of `openvino-node` that npubridge uses. The package is an optional peer, so its own types are not at hand
 * when this is compiled; `npm run check:peer` puts the published ones in their place and compiles the adapter again.
 */
import type {TensorData} from './engine.ts'

/** Element types that the peer has arrays for, by its own names. */
export type PeerElement = 'f32' | 'f64' | 'i16' | 'i32' | 'i64' | 'i8' | 'u16' | 'u32' | 'u64' | 'u8'

export interface PeerTensor {
  /** A copy of the content. */
  getData(): TensorData
  getShape(): number[]
}

export interface PeerPort {
  readonly anyName: string
  getPartialShape(): {
    /** A size, or the least and the greatest where it is free. */
    getDimensions(): Array<[number, number] | number>
    toString(): string
  }
}

export interface PeerModel {
  readonly inputs: PeerPort[]
  readonly outputs: PeerPort[]
  reshape(shapes: Map<number | string, string>): PeerModel
}

export interface PeerInferRequest {
  /** The tensor that the request would use; it has the type and, where it is fixed, the shape of the input. */
  getInputTensor(index: number): PeerTensor
  /** Inputs in the order of the model's inputs. */
  inferAsync(inputs: PeerTensor[]): Promise<Record<string, PeerTensor>>
}

export interface PeerCompiledModel {
  readonly inputs: PeerPort[]
  readonly outputs: PeerPort[]
  createInferRequest(): PeerInferRequest
}

export interface PeerCore {
  compileModel(model: PeerModel, device: string, config: Record<string, string>): Promise<PeerCompiledModel>
  getAvailableDevices(): string[]
  getProperty(device: string, property: string): boolean | number | string
  readModel(path: string): Promise<PeerModel>
  readModel(model: Uint8Array): Promise<PeerModel>
}

/** What the package exports as `addon`. */
export interface PeerAddon {
  readonly Core: new () => PeerCore
  /** Shares the memory of `data`, which must begin at the start of its buffer and be kept alive by the caller. */
  readonly Tensor: new (type: PeerElement, shape: number[], data: TensorData) => PeerTensor
}
