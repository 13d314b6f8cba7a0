/**
 * A stand-in for Open-Meteo with a few places and one weather for all of them: the same answers for whoever intercepts
 * requests and for a local server. The shapes are those of https://open-meteo.com/en/docs and .../docs/geocoding-api.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request: this status, a body that is no JSON or of another shape, silence, a cut connection. */
export type Fault = number | 'malformed' | 'misshapen' | 'silent' | 'broken';

export type Answer = { status: number; body: string } | 'silent' | 'broken';

export interface OpenMeteo {
  /** Every request so far, oldest first. */
  readonly seen: URL[];
  /** Requests take their fault from the front; with none left they are answered. */
  readonly faults: Fault[];
  answer(url: URL): Answer;
}

export interface OpenMeteoServer extends OpenMeteo {
  /** For both base URLs. */
  readonly url: string;
  stop(): Promise<void>;
}

export function openMeteo(): OpenMeteo {
  const seen: URL[] = [];
  const faults: Fault[] = [];
  return {
    seen,
    faults,
    answer(url) {
      seen.push(url);
      const fault = faults.shift();
      if (fault === 'silent' || fault === 'broken') return fault;
      if (fault === 'malformed') return { status: 200, body: '{"results": [{"name": "Ber' };
      if (fault === 'misshapen') return { status: 200, body: '{"results": [{"name": "Berlin"}], "current": {}}' };
      if (fault !== undefined) return json(fault, { error: true, reason: `Fault ${fault}` });
      if (url.pathname === '/v1/search') return json(200, geocoding(url.searchParams));
      if (url.pathname === '/v1/forecast') return forecast(url.searchParams);
      return json(404, { error: true, reason: 'Not Found' });
    },
  };
}

/** Serves the stand-in on a free loopback port. */
export async function serveOpenMeteo(): Promise<OpenMeteoServer> {
  const upstream = openMeteo();
  const server = createServer((request, response) => {
    const answer = upstream.answer(new URL(request.url ?? '/', `http://${request.headers.host}`));
    if (answer === 'silent') return;
    if (answer === 'broken') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...upstream,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function json(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value) };
}

// ---- geocoding -----------------------------------------------------------------------------------

interface City {
  id: number;
  name: string;
  latitude: number;
  longitude: number;
  elevation: number;
  feature_code: string;
  country_code: string;
  timezone: string;
  population?: number;
  country: string;
  admin1?: string;
}

function city(
  id: number,
  name: string,
  admin1: string,
  country: string,
  country_code: string,
  latitude: number,
  longitude: number,
  timezone: string,
  population: number,
): City {
  return {
    id,
    name,
    latitude,
    longitude,
    elevation: 34,
    feature_code: 'PPL',
    country_code,
    timezone,
    population,
    country,
    admin1,
  };
}

/** Best match first. */
export const cities: readonly City[] = [
  city(3448439, 'São Paulo', 'São Paulo', 'Brazil', 'BR', -23.5475, -46.63611, 'America/Sao_Paulo', 12_400_232),
  city(5128581, 'New York', 'New York', 'United States', 'US', 40.71427, -74.00597, 'America/New_York', 8_804_190),
  city(2950159, 'Berlin', 'Land Berlin', 'Germany', 'DE', 52.52437, 13.41053, 'Europe/Berlin', 3_426_354),
  city(2988507, 'Paris', 'Île-de-France', 'France', 'FR', 48.85341, 2.3488, 'Europe/Paris', 2_138_551),
  city(1283240, 'Kathmandu', 'Bagmati Province', 'Nepal', 'NP', 27.70169, 85.3206, 'Asia/Kathmandu', 1_442_271),
  city(3161732, 'Bergen', 'Vestland', 'Norway', 'NO', 60.39299, 5.32415, 'Europe/Oslo', 285_911),
  city(2661552, 'Bern', 'Bern', 'Switzerland', 'CH', 46.94809, 7.44744, 'Europe/Zurich', 133_883),
  city(2661513, 'Biel/Bienne', 'Bern', 'Switzerland', 'CH', 47.13713, 7.24608, 'Europe/Zurich', 55_206),
  city(4717560, 'Paris', 'Texas', 'United States', 'US', 33.66094, -95.55551, 'America/Chicago', 24_839),
  city(5083330, 'Berlin', 'New Hampshire', 'United States', 'US', 44.46867, -71.18508, 'America/New_York', 9367),
];

/** The service reads some qualified names, as of July 2026 (open-meteo/geocoding-api#35); all others are left to the tool. */
const qualified: Record<string, number> = { 'paris, tx': 4717560 };

function geocoding(parameters: URLSearchParams): object {
  const name = plain(parameters.get('name') ?? '');
  const count = Number(parameters.get('count') ?? 10);
  // One letter finds nothing, two an exact name, three and more a prefix.
  const found = cities
    .filter(
      (place) =>
        name.length > 1 &&
        (plain(place.name) === name ||
          place.id === qualified[name] ||
          (name.length > 2 && plain(place.name).startsWith(name))),
    )
    .slice(0, count);
  return found.length > 0 ? { results: found, generationtime_ms: 0.7 } : { generationtime_ms: 0.2 };
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

// ---- forecast ------------------------------------------------------------------------------------

type Variables = Record<string, string | number | (string | number | null)[]>;

const utcOffsets: Record<string, number> = {
  'America/Sao_Paulo': -10_800,
  'America/New_York': -14_400,
  'America/Chicago': -18_000,
  'Asia/Kathmandu': 20_700,
};

const current: Record<string, Variables> = {
  celsius: {
    temperature_2m: 11.4,
    apparent_temperature: 9.2,
    relative_humidity_2m: 66,
    precipitation: 0,
    weather_code: 3,
    wind_speed_10m: 10.5,
  },
  fahrenheit: {
    temperature_2m: 52.5,
    apparent_temperature: 48.6,
    relative_humidity_2m: 66,
    precipitation: 0,
    weather_code: 3,
    wind_speed_10m: 6.5,
  },
};

const daily: Variables = {
  weather_code: [3, 61, 80, 2, 0, 95, 71],
  temperature_2m_max: [13.1, 11.8, 9.9, 12.4, 15.2, 16.7, 4.1],
  temperature_2m_min: [4.2, 5.1, 3.3, 1.9, 2.8, 7.5, -1.3],
  precipitation_sum: [0, 4.3, 2.1, 0, 0, 11.6, 3.2],
  precipitation_probability_max: [3, 88, 71, 10, 0, 94, null],
  wind_speed_10m_max: [16.2, 24.8, 28.1, 12.6, 9.4, 31.7, 22.3],
};

const days = ['2026-03-26', '2026-03-27', '2026-03-28', '2026-03-29', '2026-03-30', '2026-03-31', '2026-04-01'];

function forecast(parameters: URLSearchParams): Answer {
  const latitude = Number(parameters.get('latitude'));
  const longitude = Number(parameters.get('longitude'));
  const place = cities.find((city) => city.latitude === latitude && city.longitude === longitude);
  if (!place) return json(400, { error: true, reason: `No weather recorded at ${latitude}, ${longitude}` });
  const unit = parameters.get('temperature_unit') ?? 'celsius';
  const wind = parameters.get('wind_speed_unit') ?? 'kmh';
  if ((unit === 'fahrenheit') !== (wind === 'mph')) {
    return json(400, { error: true, reason: `No weather recorded in ${unit} and ${wind}` });
  }
  const local = parameters.get('timezone') === 'auto';
  const now = parameters.get('current');
  const week = parameters.get('daily');
  return json(200, {
    // The service answers for the nearest cell of its grid.
    latitude: Math.round(latitude * 50) / 50,
    longitude: Math.round(longitude * 50) / 50,
    generationtime_ms: 0.06,
    utc_offset_seconds: local ? (utcOffsets[place.timezone] ?? 3600) : 0,
    timezone: local ? place.timezone : 'GMT',
    timezone_abbreviation: local ? 'GMT+1' : 'GMT',
    elevation: place.elevation,
    ...(now && { current: { time: '2026-03-26T17:15', interval: 900, ...only(now, current[unit] ?? {}) } }),
    ...(week && {
      daily: firstDays(Number(parameters.get('forecast_days') ?? 7), { time: days, ...only(week, daily) }),
    }),
  });
}

/** The variables asked for, a comma between two. */
function only(asked: string, from: Variables): Variables {
  return Object.fromEntries(Object.entries(from).filter(([name]) => asked.split(',').includes(name)));
}

function firstDays(count: number, columns: Variables): Variables {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, Array.isArray(column) ? column.slice(0, count) : column]),
  );
}
