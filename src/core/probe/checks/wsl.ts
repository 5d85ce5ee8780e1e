import {type Check, fail, pass} from './check.ts'

export const wsl: Check = {
  id: 'wsl',
  title: 'The system is not WSL',
  explanation:
    'The Windows Subsystem for Linux passes GPUs through, but no NPU: there is no PCI device and no /dev/accel in it, whatever is installed.',
  needs: ['no-npu-in-processor'],
  detect: ({host, npu}) =>
    !npu && host.wsl
      ? fail('WSL 2 does not pass the NPU through to Linux.', "the kernel is Microsoft's, and no NPU is on its PCI bus")
      : pass(host.wsl ? 'it is WSL, but an NPU is on the PCI bus' : "the kernel is not Microsoft's"),
  remedy: () => ['run OpenVINO on Windows itself for the NPU', 'in WSL, use --device gpu or --device cpu'],
  source: 'https://github.com/microsoft/WSL/issues/40842',
}
