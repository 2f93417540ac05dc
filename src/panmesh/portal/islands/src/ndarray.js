// What h5web uses of the packages ndarray and ndarray-ops. Theirs write code at run time, which the pages' content security policy forbids.

class View {
  constructor(data, shape, stride, offset) {
    this.data = data;
    this.shape = shape;
    this.stride = stride;
    this.offset = offset;
    this.dimension = shape.length;
    this.size = shape.reduce((product, length) => product * length, 1);
    this.dtype = typeOf(data);
  }

  index(...at) {
    let place = this.offset;
    for (let i = 0; i < this.stride.length; i += 1) place += (at[i] ?? 0) * this.stride[i];
    return place;
  }

  get(...at) { return this.data[this.index(...at)]; }

  set(...given) {
    this.data[this.index(...given.slice(0, -1))] = given.at(-1);
    return given.at(-1);
  }

  // A number fixes that dimension; null or a negative number keeps it whole.
  pick(...at) {
    const kept = this.shape.map((_, i) => i).filter((i) => !(typeof at[i] === "number" && at[i] >= 0));
    const offset = this.index(...this.shape.map((_, i) => (kept.includes(i) ? 0 : at[i])));
    return new View(this.data, kept.map((i) => this.shape[i]), kept.map((i) => this.stride[i]), offset);
  }

  transpose(...order) {
    return new View(this.data, order.map((i) => this.shape[i]), order.map((i) => this.stride[i]), this.offset);
  }
}

export default function ndarray(data, shape = [data.length], stride = rowByRow(shape), offset = 0) {
  return new View(data, [...shape], [...stride], offset);
}

// Copies the numbers of one view to another of the same shape.
export function assign(target, source) {
  const last = source.shape.length - 1;
  if (last < 0) {
    target.data[target.offset] = source.data[source.offset];
    return target;
  }
  const row = (depth, from, to) => {
    const length = source.shape[depth];
    const [a, b] = [source.stride[depth], target.stride[depth]];
    for (let i = 0; i < length; i += 1, from += a, to += b) {
      if (depth === last) target.data[to] = source.data[from];
      else row(depth + 1, from, to);
    }
  };
  row(0, source.offset, target.offset);
  return target;
}

function rowByRow(shape) {
  const stride = new Array(shape.length);
  for (let i = shape.length - 1, step = 1; i >= 0; step *= shape[i], i -= 1) stride[i] = step;
  return stride;
}

function typeOf(data) {
  if (Array.isArray(data)) return "array";
  const name = Object.prototype.toString.call(data).slice(8, -1);
  return { Uint8ClampedArray: "uint8_clamped" }[name] ?? (name.endsWith("Array") ? name.slice(0, -5).toLowerCase() : "generic");
}
