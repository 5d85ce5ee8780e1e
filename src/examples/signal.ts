/** What `npubridge signal` is used for; `--help` starts with it. */
export const SIGNAL_EXAMPLES = [
  {
    command: '<%= config.bin %> <%= command.id %> welch tones.wav --plot',
    description: 'Which tones are in a recording, and a picture of its spectrum',
  },
  {
    command: '<%= config.bin %> <%= command.id %> butter ecg.csv --fs 360 --set N=4 --set Wn=[0.5,40] --out clean.csv',
    description: 'A band pass of fourth order',
  },
  {
    description: 'Two inputs, worked out by Octave',
    command: '<%= config.bin %> <%= command.id %> convolve a.npy --input in2=b.npy --backend octave --out c.npy',
  },
  {
    description: 'A picture in pixels',
    command: '<%= config.bin %> <%= command.id %> spectrogram speech.wav speech.png --plot',
  },
  {
    description: 'On the NPU',
    command: '<%= config.bin %> <%= command.id %> welch tones.wav --device npu',
  },
]
