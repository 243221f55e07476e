/** Numbers without a box each. */
export class Samples {
  private values = new Float64Array(1 << 16)
  private count = 0

  add(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Float64Array(2 * this.count)
      larger.set(this.values)
      this.values = larger
    }
    this.values[this.count++] = value
  }

  sorted(): Float64Array {
    return this.values.slice(0, this.count).sort()
  }
}
