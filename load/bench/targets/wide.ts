/** The tools that fill a list beside `echo`: BENCH_TOOLS with it, each with an input of 25 fields. */
import { z } from 'zod';

const FIELDS = 25;
const count = Number(process.env.BENCH_TOOLS ?? 1);

export const wanted: readonly string[] = Array.from({ length: count - 1 }, (_, index) => `wide_${index}`);

export const shape: Record<string, z.ZodType> = Object.fromEntries(
  Array.from({ length: FIELDS }, (_, index) => {
    const type = [z.string(), z.int().min(0).max(1000), z.boolean()][index % 3] as z.ZodType;
    return [`field_${index}`, type.describe(`Field ${index} of the tool`)];
  }),
);
