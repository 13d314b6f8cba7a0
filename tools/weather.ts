/** Weather by Open-Meteo (https://open-meteo.com, no key needed): a tool, a resource template and a prompt. */

import { z } from 'zod';
import {
  type Context,
  type Feature,
  ProtocolError,
  prompt,
  ResourceNotFound,
  resource,
  ToolError,
  tool,
} from '../server/tool.ts';

export interface WeatherOptions {
  /** Base URL, default `https://geocoding-api.open-meteo.com`. Its query, an `?apikey=` say, goes with every request. */
  geocodingUrl?: string | undefined;
  /** Base URL, default `https://api.open-meteo.com`. Its query goes with every request. */
  forecastUrl?: string | undefined;
  /** Milliseconds for one answer of the service, default 5,000. A request is tried twice. */
  timeout_ms?: number | undefined;
}

/** @throws TypeError when a base URL is not a URL */
export function weather(options: WeatherOptions = {}): Feature[] {
  const geocoding = new URL(options.geocodingUrl ?? 'https://geocoding-api.open-meteo.com');
  const forecasts = new URL(options.forecastUrl ?? 'https://api.open-meteo.com');
  const timeout_ms = options.timeout_ms ?? 5000;

  function searchUrl(name: string, count: number): URL {
    return endpoint(geocoding, 'v1/search', { name, count, language: 'en', format: 'json' });
  }

  function forecastUrl({ latitude, longitude }: Place, parameters: Record<string, string | number>): URL {
    return endpoint(forecasts, 'v1/forecast', { latitude, longitude, timezone: 'auto', ...parameters });
  }

  /** Gets `url`, with one retry where the fault may be passing. @throws ToolError for the model to read */
  async function get<S extends z.ZodType>(url: URL, schema: S, context: Context): Promise<z.output<S>> {
    let fault = '';
    for (let attempt = 1; attempt <= tries; attempt++) {
      if (attempt > 1) await context.sleep(retry_ms);
      const deadline = AbortSignal.timeout(timeout_ms);
      let status: number;
      let body: string;
      try {
        const response = await context.fetch(url, { signal: AbortSignal.any([context.signal, deadline]) });
        status = response.status;
        body = await response.text();
      } catch {
        context.signal.throwIfAborted(); // a cancelled call is not the service's fault
        fault = deadline.aborted ? `nothing within ${timeout_ms} ms` : 'network error';
        continue;
      }
      if (status >= 200 && status < 300) return read(body, schema);
      if (status < 500 && status !== 429) {
        throw new ToolError(`The weather service refused the request (${status}${reason(body)})`);
      }
      fault = `${status}`;
    }
    throw new ToolError(`The weather service did not answer (${fault} after ${tries} tries); try again later`);
  }

  /** `Paris`, or with its region or country, `Paris, Texas`. */
  async function find(city: string, context: Context): Promise<Place | undefined> {
    const { results } = await get(searchUrl(city, 1), search, context);
    const [name = '', ...where] = city.split(',').map((part) => part.trim());
    if (results[0] || where.length === 0) return results[0];
    // Older versions of the service do not read what follows a comma (open-meteo/geocoding-api#33): choose from all of the name.
    const namesakes = await get(searchUrl(name, 50), search, context);
    return namesakes.results.find((place) => where.every((part) => lies(place, part)));
  }

  async function suggest(typed: string): Promise<string[]> {
    const prefix = typed.trim().slice(0, longestName);
    const known = bigCities.filter((city) => plain(city).startsWith(plain(prefix)));
    if (prefix.length < 2) return known;
    try {
      const signal = AbortSignal.timeout(Math.min(timeout_ms, suggest_ms));
      const response = await fetch(searchUrl(prefix, 10), { signal });
      const { results } = search.parse(await response.json());
      // Big cities first: of two letters the service finds only what is called exactly so.
      return [...new Set([...known, ...results.map(({ name }) => name)])];
    } catch {
      return known;
    }
  }

  const getWeather = tool(
    'get_weather',
    {
      title: 'Current weather',
      description: 'The current weather in a city: temperature, humidity, wind and sky',
      inputSchema: z.object({
        city: z
          .string()
          .trim()
          .min(1)
          .max(longestName)
          .describe('City, with region or country if need be: "Paris, Texas"'),
        units: z.enum(['celsius', 'fahrenheit']).default('celsius').describe('fahrenheit also gives wind in mph'),
      }),
      outputSchema: z.object({
        city: z.string(),
        region: z.string().optional(),
        country: z.string().optional(),
        latitude: z.number(),
        longitude: z.number(),
        temperature: z.number(),
        feels_like: z.number(),
        units: z.enum(['celsius', 'fahrenheit']),
        humidity: z.number().describe('Relative, in percent'),
        wind_speed: z.number(),
        wind_speed_unit: z.enum(['km/h', 'mph']),
        condition: z.string(),
        observed_at: z.string().meta({ format: 'date-time', description: 'In the local time of the city' }),
      }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    async ({ city, units }, context) => {
      const place = await find(city, context);
      if (!place) {
        throw new ToolError(
          `No city named ${JSON.stringify(city)} was found; expected a name like "Berlin", or "Paris, Texas" with region or country written out`,
        );
      }
      const url = forecastUrl(place, {
        current: variables(current),
        temperature_unit: units,
        wind_speed_unit: windUnits[units].asked,
      });
      const now = await get(url, z.object({ utc_offset_seconds: z.int(), current }), context);
      return {
        ...describe(place),
        temperature: now.current.temperature_2m,
        feels_like: now.current.apparent_temperature,
        units,
        humidity: now.current.relative_humidity_2m,
        wind_speed: now.current.wind_speed_10m,
        wind_speed_unit: windUnits[units].shown,
        condition: condition(now.current.weather_code),
        observed_at: instant(now.current.time, now.utc_offset_seconds),
      };
    },
  );

  const forecast = resource(
    'forecast',
    'weather://forecast/{city}',
    {
      title: 'Weather forecast',
      description: 'Seven days of weather in a city, in celsius, km/h and mm',
      mimeType: 'application/json',
      cache: { ttlMs: 15 * 60_000, cacheScope: 'public' },
      complete: { city: suggest },
    },
    async (uri, { city }, context) => {
      try {
        const place = await find(city, context);
        if (!place) throw new ResourceNotFound(uri.href);
        const url = forecastUrl(place, { daily: variables(daily), forecast_days: 7 });
        const week = await get(url, z.object({ timezone: z.string(), daily }), context);
        return {
          ...describe(place),
          timezone: week.timezone,
          units: { temperature: 'celsius', wind_speed: 'km/h', precipitation: 'mm', precipitation_probability: '%' },
          days: week.daily.time.map((date, day) => {
            const code = week.daily.weather_code[day] ?? null;
            return {
              date,
              condition: code === null ? null : condition(code),
              temperature_max: week.daily.temperature_2m_max[day],
              temperature_min: week.daily.temperature_2m_min[day],
              precipitation: week.daily.precipitation_sum[day],
              precipitation_probability: week.daily.precipitation_probability_max[day],
              wind_speed_max: week.daily.wind_speed_10m_max[day],
            };
          }),
        };
      } catch (error) {
        // A read has no `isError` to carry the sentence.
        throw error instanceof ToolError ? new ProtocolError(-32603, error.message) : error;
      }
    },
  );

  const planDay = prompt(
    'plan_day',
    {
      title: 'Plan a day by the weather',
      description: 'A plan for today in a city that fits its weather',
      argsSchema: z.object({
        city: z.string().trim().min(1).max(longestName).describe('Where to spend the day'),
        activity: z.string().optional().describe('What to do, for example "cycling"'),
      }),
      complete: { city: suggest },
    },
    ({ city, activity }) =>
      [
        `Plan my day in ${city}${activity ? `; I would like to do this: ${activity}` : ''}.`,
        `First call get_weather with ${JSON.stringify({ city })}; weather://forecast/${encodeURIComponent(city)} has the days after.`,
        'Then give a plan for morning, afternoon and evening that fits the weather, with what to wear and what to do instead if it turns.',
      ].join('\n'),
  );

  return [getWeather, forecast, planDay];
}

const longestName = 100;
const tries = 2;
const retry_ms = 250;
/** A suggestion that comes after the next keystrokes helps nobody. */
const suggest_ms = 1500;
const windUnits = {
  celsius: { asked: 'kmh', shown: 'km/h' },
  fahrenheit: { asked: 'mph', shown: 'mph' },
} as const;

// ---- what Open-Meteo answers ---------------------------------------------------------------------

const search = z.object({
  // Without a match there is no `results`.
  results: z
    .array(
      z.object({
        name: z.string(),
        latitude: z.number(),
        longitude: z.number(),
        country_code: z.string().optional(),
        country: z.string().optional(),
        admin1: z.string().optional(),
      }),
    )
    .default([]),
});

type Place = z.output<typeof search>['results'][number];

const current = z.object({
  time: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/),
  temperature_2m: z.number(),
  apparent_temperature: z.number(),
  relative_humidity_2m: z.number(),
  weather_code: z.int(),
  wind_speed_10m: z.number(),
});

/** One value a day; null where a model does not reach so far. */
const column = z.array(z.number().nullable()).length(7);

const daily = z.object({
  time: z.array(z.iso.date()).length(7),
  weather_code: column,
  temperature_2m_max: column,
  temperature_2m_min: column,
  precipitation_sum: column,
  precipitation_probability_max: column,
  wind_speed_10m_max: column,
});

/** What to ask for so that the answer fits `schema`. */
function variables(schema: z.ZodObject): string {
  return Object.keys(schema.shape)
    .filter((name) => name !== 'time')
    .join();
}

function endpoint(base: URL, path: string, parameters: Record<string, string | number>): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/${path}`;
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, `${value}`);
  return url;
}

function read<S extends z.ZodType>(body: string, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(body));
  } catch {
    throw new ToolError('The weather service gave an answer of an unknown shape; try another city or try again later');
  }
}

const refusal = z.object({ reason: z.string() });

function reason(body: string): string {
  try {
    return `: ${refusal.parse(JSON.parse(body)).reason.slice(0, 200)}`;
  } catch {
    return '';
  }
}

// ---- places and words ----------------------------------------------------------------------------

function describe({ name, admin1, country, latitude, longitude }: Place) {
  return { city: name, region: admin1 || undefined, country: country || undefined, latitude, longitude };
}

const shortNames: Record<string, string> = { uk: 'gb', usa: 'us' };

function lies({ admin1, country, country_code }: Place, where: string): boolean {
  const wanted = plain(where);
  return [admin1, country, country_code].some(
    (name) => name && (plain(name) === wanted || plain(name) === shortNames[wanted]),
  );
}

/** Lower case, without accents. */
function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** `2026-03-26T17:15` where clocks are an hour ahead of UTC is `2026-03-26T17:15:00+01:00`. */
function instant(local: string, offset_s: number): string {
  const minutes = Math.abs(Math.trunc(offset_s / 60));
  const clock = [Math.trunc(minutes / 60), minutes % 60].map((part) => `${part}`.padStart(2, '0')).join(':');
  return `${local}:00${offset_s < 0 ? '-' : '+'}${clock}`;
}

function condition(code: number): string {
  return conditions[code] ?? `WMO weather code ${code}`;
}

/** WMO weather codes (table 4677), those that Open-Meteo uses. */
const conditions: Record<number, string> = {
  0: 'clear sky',
  1: 'mainly clear',
  2: 'partly cloudy',
  3: 'overcast',
  45: 'fog',
  48: 'rime fog',
  51: 'light drizzle',
  53: 'drizzle',
  55: 'dense drizzle',
  56: 'light freezing drizzle',
  57: 'dense freezing drizzle',
  61: 'light rain',
  63: 'rain',
  65: 'heavy rain',
  66: 'light freezing rain',
  67: 'heavy freezing rain',
  71: 'light snow',
  73: 'snow',
  75: 'heavy snow',
  77: 'snow grains',
  80: 'light rain showers',
  81: 'rain showers',
  82: 'violent rain showers',
  85: 'light snow showers',
  86: 'heavy snow showers',
  95: 'thunderstorm',
  96: 'thunderstorm with light hail',
  99: 'thunderstorm with heavy hail',
};

const bigCities = (
  'Amsterdam,Athens,Auckland,Bangkok,Barcelona,Beijing,Berlin,Bogotá,Brussels,Buenos Aires,Cairo,Cape Town,Chicago,' +
  'Copenhagen,Delhi,Dhaka,Dubai,Dublin,Helsinki,Hong Kong,Istanbul,Jakarta,Johannesburg,Karachi,Kinshasa,Kyiv,Lagos,' +
  'Lima,Lisbon,London,Los Angeles,Madrid,Manila,Melbourne,Mexico City,Montréal,Moscow,Mumbai,Munich,Nairobi,New York,' +
  'Oslo,Paris,Prague,Rio de Janeiro,Rome,San Francisco,Santiago,São Paulo,Seoul,Shanghai,Singapore,Stockholm,Sydney,' +
  'Tehran,Tokyo,Toronto,Vancouver,Vienna,Warsaw,Zürich'
).split(',');
