/** The model behind matrix_multiply: OpenVINO's IR in memory, made for the sizes at hand. */

/**
 * IR (version 11) of one MatMul of `a` [m,k] by `b` [k,n] in FP32; the output is called `product`. It has no weights.
 */
export function matrixModel({k, m, n}: {k: number; m: number; n: number}): string {
  const parameter = (id: number, name: string, [rows, columns]: readonly [number, number]) => `
    <layer id="${id}" name="${name}" type="Parameter" version="opset1">
      <data shape="${rows},${columns}" element_type="f32"/>
      <output><port id="0" precision="FP32" names="${name}">${dimensions(rows, columns)}</port></output>
    </layer>`
  return `<?xml version="1.0"?>
<net name="matrix_multiply" version="11">
  <layers>${parameter(0, 'a', [m, k])}${parameter(1, 'b', [k, n])}
    <layer id="2" name="multiply" type="MatMul" version="opset1">
      <data transpose_a="false" transpose_b="false"/>
      <input>
        <port id="0" precision="FP32">${dimensions(m, k)}</port>
        <port id="1" precision="FP32">${dimensions(k, n)}</port>
      </input>
      <output><port id="2" precision="FP32" names="product">${dimensions(m, n)}</port></output>
    </layer>
    <layer id="3" name="product/sink" type="Result" version="opset1">
      <input><port id="0" precision="FP32">${dimensions(m, n)}</port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
  </edges>
</net>
`
}

function dimensions(...sizes: readonly number[]): string {
  return sizes.map((size) => `<dim>${size}</dim>`).join('')
}
