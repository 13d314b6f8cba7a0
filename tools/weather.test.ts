import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import {
  type Complete,
  type Context,
  type Prompt,
  ProtocolError,
  type Resource,
  type Tool,
  ToolError,
} from '../server/tool.ts';
import { call, type FakeContext, fakeContext, read, say } from './context.fixture.ts';
import { type Fault, type OpenMeteo, openMeteo, serveOpenMeteo } from './open-meteo.fixture.ts';
import { type WeatherOptions, weather } from './weather.ts';

interface Upstream extends OpenMeteo {
  options: WeatherOptions;
  stop(): Promise<void>;
}

/** The service at its own addresses, its requests intercepted. */
async function intercept(): Promise<Upstream> {
  const upstream = openMeteo();
  const answer = ({ request }: { request: Request }): Response | Promise<never> => {
    const answer = upstream.answer(new URL(request.url));
    if (answer === 'silent') return new Promise<never>(() => {});
    return answer === 'broken' ? HttpResponse.error() : new HttpResponse(answer.body, { status: answer.status });
  };
  const server = setupServer(
    http.get('https://geocoding-api.open-meteo.com/v1/search', answer),
    http.get('https://api.open-meteo.com/v1/forecast', answer),
  );
  server.listen({ onUnhandledFrame: 'error' });
  return { ...upstream, options: {}, stop: async () => server.close() };
}

async function serve(): Promise<Upstream> {
  const server = await serveOpenMeteo();
  return { ...server, options: { geocodingUrl: server.url, forecastUrl: server.url } };
}

/** Whether msw sees the requests of this runtime's `fetch`: it hooks sockets, which not every `fetch` goes through. */
async function mswIntercepts(): Promise<boolean> {
  const { url, stop } = await serveOpenMeteo();
  const server = setupServer(http.get(url, () => new HttpResponse('intercepted')));
  server.listen();
  try {
    return (await (await fetch(url)).text()) === 'intercepted';
  } finally {
    server.close();
    await stop();
  }
}

const upstreams: [string, () => Promise<Upstream>][] = [['local server', serve]];
if (await mswIntercepts()) upstreams.push(['msw', intercept]);

interface Scene {
  upstream: Upstream;
  context: FakeContext;
  getWeather(input: Record<string, unknown>, context?: Context): Promise<unknown>;
  forecast(city: string): Promise<unknown>;
  completions: Complete[];
}

/** Runs `act` against every upstream, each time with the first requests meeting `faults`. */
function scene(title: string, faults: Fault[], act: (scene: Scene) => Promise<void>, timeout_ms?: number): void {
  for (const [name, open] of upstreams) {
    test(`${title} (${name})`, async () => {
      const upstream = await open();
      upstream.faults.push(...faults);
      const context = fakeContext();
      const [tool, resource, prompt] = weather({ ...upstream.options, timeout_ms }) as [Tool, Resource, Prompt];
      const forecastCompletion = (resource.config.complete as { city?: Complete }).city;
      const promptCompletion = (prompt.config.complete as { city?: Complete }).city;
      assert.ok(forecastCompletion && promptCompletion);
      try {
        await act({
          upstream,
          context,
          getWeather: (input, other = context) => call(tool, input, other),
          forecast: (city) => read(resource, `weather://forecast/${encodeURIComponent(city)}`, { city }, context),
          completions: [forecastCompletion, promptCompletion],
        });
      } finally {
        await upstream.stop();
      }
    });
  }
}

const berlin = {
  city: 'Berlin',
  region: 'Land Berlin',
  country: 'Germany',
  latitude: 52.52437,
  longitude: 13.41053,
};

// ---- get_weather ---------------------------------------------------------------------------------

scene('get_weather answers in celsius unless told', [], async ({ getWeather, upstream, context }) => {
  assert.deepEqual(await getWeather({ city: ' Berlin ' }), {
    ...berlin,
    temperature: 11.4,
    feels_like: 9.2,
    units: 'celsius',
    humidity: 66,
    wind_speed: 10.5,
    wind_speed_unit: 'km/h',
    condition: 'overcast',
    observed_at: '2026-03-26T17:15:00+01:00',
  });
  assert.deepEqual(
    upstream.seen.map(({ pathname }) => pathname),
    ['/v1/search', '/v1/forecast'],
  );
  assert.deepEqual(context.waits, []);
});

scene('get_weather answers in fahrenheit and mph', [], async ({ getWeather }) => {
  assert.deepEqual(await getWeather({ city: 'Berlin', units: 'fahrenheit' }), {
    ...berlin,
    temperature: 52.5,
    feels_like: 48.6,
    units: 'fahrenheit',
    humidity: 66,
    wind_speed: 6.5,
    wind_speed_unit: 'mph',
    condition: 'overcast',
    observed_at: '2026-03-26T17:15:00+01:00',
  });
});

scene('get_weather tells the time west of Greenwich and at uneven offsets', [], async ({ getWeather }) => {
  const observed = async (city: string) => ((await getWeather({ city })) as { observed_at: string }).observed_at;
  assert.equal(await observed('São Paulo'), '2026-03-26T17:15:00-03:00');
  assert.equal(await observed('Kathmandu'), '2026-03-26T17:15:00+05:45');
});

scene('get_weather finds names with accents, spaces and slashes', [], async ({ getWeather, upstream }) => {
  for (const city of ['São Paulo', 'New York', 'Biel/Bienne']) {
    assert.equal(((await getWeather({ city })) as { city: string }).city, city);
  }
  const searches = upstream.seen.filter(({ pathname }) => pathname === '/v1/search');
  assert.deepEqual(
    searches.map(({ search }) => /name=([^&]*)/.exec(search)?.[1]),
    ['S%C3%A3o+Paulo', 'New+York', 'Biel%2FBienne'],
  );
});

scene('a city name cannot add parameters of its own', [], async ({ getWeather, upstream }) => {
  await assert.rejects(getWeather({ city: 'Berlin&count=9#x?y=%00' }), ToolError);
  assert.equal(upstream.seen[0]?.searchParams.get('name'), 'Berlin&count=9#x?y=%00');
  assert.deepEqual(upstream.seen[0]?.searchParams.getAll('count'), ['1']);
});

scene('get_weather takes a region or a country after a comma', [], async ({ getWeather }) => {
  const region = async (city: string) => ((await getWeather({ city })) as { region: string }).region;
  assert.equal(await region('Paris'), 'Île-de-France');
  assert.equal(await region('Paris, TX'), 'Texas');
  assert.equal(await region('Paris, Texas'), 'Texas');
  assert.equal(await region('Paris, texas, USA'), 'Texas');
  assert.equal(await region('paris, ile-de-france'), 'Île-de-France');
  assert.equal(await region('Berlin, US'), 'New Hampshire');
  await assert.rejects(getWeather({ city: 'Paris, Japan' }), { name: 'ToolError', message: /"Paris, Japan"/ });
  await assert.rejects(getWeather({ city: 'Paris, Texas, Japan' }), ToolError);
});

scene('get_weather says so when no city has the name', [], async ({ getWeather, upstream }) => {
  await assert.rejects(getWeather({ city: 'Atlantis' }), {
    name: 'ToolError',
    message: /^No city named "Atlantis" was found; expected /,
  });
  assert.equal(upstream.seen.length, 1);
});

test('get_weather refuses an empty name, a long one and unknown units', async () => {
  const [tool] = weather() as [Tool];
  for (const input of [{}, { city: ' ' }, { city: 'x'.repeat(101) }, { city: 'Berlin', units: 'kelvin' }]) {
    await assert.rejects(call(tool, input, fakeContext()), { name: 'ZodError' }, JSON.stringify(input));
  }
});

// ---- a service in trouble ------------------------------------------------------------------------

for (const fault of [503, 500, 429, 'broken'] as const) {
  scene(`get_weather tries again after ${fault}`, [fault], async ({ getWeather, upstream, context }) => {
    assert.equal(((await getWeather({ city: 'Berlin' })) as { temperature: number }).temperature, 11.4);
    assert.equal(upstream.seen.length, 3);
    assert.equal(context.waits.length, 1);
  });
}

scene('get_weather gives up after two 503', [503, 503], async ({ getWeather, upstream }) => {
  await assert.rejects(getWeather({ city: 'Berlin' }), {
    name: 'ToolError',
    message: 'The weather service did not answer (503 after 2 tries); try again later',
  });
  assert.equal(upstream.seen.length, 2);
});

scene('get_weather gives up after two cut connections', ['broken', 'broken'], async ({ getWeather }) => {
  await assert.rejects(getWeather({ city: 'Berlin' }), {
    name: 'ToolError',
    message: 'The weather service did not answer (network error after 2 tries); try again later',
  });
});

scene(
  'get_weather does not wait for ever',
  ['silent', 'silent'],
  async ({ getWeather, upstream }) => {
    await assert.rejects(getWeather({ city: 'Berlin' }), {
      name: 'ToolError',
      message: 'The weather service did not answer (nothing within 100 ms after 2 tries); try again later',
    });
    assert.equal(upstream.seen.length, 2);
  },
  100,
);

scene('get_weather does not repeat a refused request', [400], async ({ getWeather, upstream }) => {
  await assert.rejects(getWeather({ city: 'Berlin' }), {
    name: 'ToolError',
    message: 'The weather service refused the request (400: Fault 400)',
  });
  assert.equal(upstream.seen.length, 1);
});

for (const fault of ['malformed', 'misshapen'] as const) {
  scene(`get_weather takes no ${fault} answer`, [fault], async ({ getWeather, upstream }) => {
    await assert.rejects(getWeather({ city: 'Berlin' }), { name: 'ToolError', message: /answer of an unknown shape/ });
    assert.equal(upstream.seen.length, 1);
  });
}

scene(
  'a cancelled call rejects with the reason and is not repeated',
  ['silent'],
  async ({ getWeather, upstream, context }) => {
    const reason = new Error('cancelled by the client');
    const pending = assert.rejects(getWeather({ city: 'Berlin' }), (error) => error === reason);
    while (upstream.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    context.cancel(reason);
    await pending;
    assert.equal(upstream.seen.length, 1);
    assert.deepEqual(context.waits, []);
  },
);

scene('a call cancelled before a retry ends there', [503], async ({ getWeather, upstream, context }) => {
  const reason = new Error('cancelled by the client');
  const sleep = async (ms: number): Promise<void> => {
    context.cancel(reason);
    await context.sleep(ms);
  };
  await assert.rejects(getWeather({ city: 'Berlin' }, { ...context, sleep }), (error) => error === reason);
  assert.equal(upstream.seen.length, 1);
});

scene('a call cancelled during its last try rejects with the reason', [503, 'silent'], async (stage) => {
  const { getWeather, upstream, context } = stage;
  const reason = new Error('cancelled by the client');
  const pending = assert.rejects(getWeather({ city: 'Berlin' }), (error) => error === reason);
  while (upstream.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  context.cancel(reason);
  await pending;
});

// ---- forecast ------------------------------------------------------------------------------------

scene('forecast has seven days', [], async ({ forecast }) => {
  const { days, ...rest } = (await forecast('Berlin')) as { days: object[] };
  assert.deepEqual(rest, {
    ...berlin,
    timezone: 'Europe/Berlin',
    units: { temperature: 'celsius', wind_speed: 'km/h', precipitation: 'mm', precipitation_probability: '%' },
  });
  assert.equal(days.length, 7);
  assert.deepEqual(days[1], {
    date: '2026-03-27',
    condition: 'light rain',
    temperature_max: 11.8,
    temperature_min: 5.1,
    precipitation: 4.3,
    precipitation_probability: 88,
    wind_speed_max: 24.8,
  });
  assert.equal((days[6] as { precipitation_probability: unknown }).precipitation_probability, null);
});

scene('forecast of a name with a slash', [], async ({ forecast }) => {
  assert.equal(((await forecast('Biel/Bienne')) as { city: string }).city, 'Biel/Bienne');
});

scene('forecast of an unknown city is no resource', [], async ({ forecast }) => {
  await assert.rejects(forecast('Atlantis'), { name: 'ResourceNotFound', uri: 'weather://forecast/Atlantis' });
});

scene('forecast from a dead service is an error with its reason', [503, 503], async ({ forecast }) => {
  await assert.rejects(forecast('Berlin'), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.code, -32603);
    assert.equal(error.message, 'The weather service did not answer (503 after 2 tries); try again later');
    return true;
  });
});

// ---- completion ----------------------------------------------------------------------------------

scene('completion asks the service', [], async ({ completions, upstream }) => {
  for (const complete of completions) assert.deepEqual(await complete('ber', {}), ['Berlin', 'Bergen', 'Bern']);
  assert.deepEqual(await completions[0]?.('Biel/', {}), ['Biel/Bienne']);
  assert.equal(upstream.seen.length, 3);
});

scene('completion of a short prefix knows big cities by itself', [], async ({ completions: [complete], upstream }) => {
  assert.ok(complete);
  assert.deepEqual(await complete('z', {}), ['Zürich']);
  assert.ok((await complete('', {})).length > 50);
  assert.equal(upstream.seen.length, 0);
  assert.ok((await complete('to', {})).includes('Tokyo'));
});

for (const fault of [503, 'broken', 'malformed', 'misshapen', 'silent'] as const) {
  scene(
    `completion falls back on big cities when the service is ${fault}`,
    [fault],
    async ({ completions: [complete], upstream }) => {
      const start = performance.now();
      assert.deepEqual(await complete?.('sao', {}), ['São Paulo']);
      assert.ok(performance.now() - start < 1000, 'within the timeout');
      assert.equal(upstream.seen.length, 1);
    },
    fault === 'silent' ? 100 : undefined,
  );
}

// ---- plan_day ------------------------------------------------------------------------------------

test('plan_day sends the model to the weather', async () => {
  const [, , prompt] = weather() as [Tool, Resource, Prompt];
  const text = await say(prompt, { city: 'São "Paulo"', activity: 'cycling' }, fakeContext());
  assert.match(String(text), /get_weather with {"city":"São \\"Paulo\\""}/);
  assert.match(String(text), /weather:\/\/forecast\/S%C3%A3o%20%22Paulo%22 /);
  assert.match(String(text), /cycling/);
  assert.doesNotMatch(String(await say(prompt, { city: 'Oslo' }, fakeContext())), /undefined/);
});

// ---- base URLs -----------------------------------------------------------------------------------

test('a base URL keeps its path and its query', async () => {
  const asked: string[] = [];
  const [tool] = weather({
    geocodingUrl: 'http://127.0.0.1:9/meteo/?apikey=k%26y',
    forecastUrl: 'http://127.0.0.1:9',
  }) as [Tool];
  const fetch: Context['fetch'] = async (input) => {
    asked.push(String(input));
    return new Response('{}', { status: 404 });
  };
  await assert.rejects(call(tool, { city: 'Oslo' }, { ...fakeContext(), fetch }), {
    message: 'The weather service refused the request (404)',
  });
  assert.deepEqual(asked, [
    'http://127.0.0.1:9/meteo/v1/search?apikey=k%26y&name=Oslo&count=1&language=en&format=json',
  ]);
});
