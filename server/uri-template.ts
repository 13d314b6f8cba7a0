/** URI templates (RFC 6570), read backwards: which variables make this URI? */

export interface UriTemplate {
  readonly template: string;
  readonly variables: readonly string[];
  /** @returns the decoded variables, or undefined when the URI is not of this form */
  match(uri: string): Record<string, string> | undefined;
}

interface Variable {
  name: string;
  explode: boolean;
}

const OPERATORS = '+#./;?&';

/** @throws Error saying what is wrong with the template */
export function uriTemplate(template: string): UriTemplate {
  const variables: string[] = [];
  /** What each capturing group holds. */
  const groups: { operator: string; variables: Variable[] }[] = [];
  let pattern = '';
  let at = 0;
  const plain = (text: string) => {
    if (/[{}]/.test(text)) throw new Error(`URI template ${JSON.stringify(template)} has an unmatched brace`);
    return literal(text);
  };
  for (const found of template.matchAll(/\{([^{}]*)\}/g)) {
    pattern += plain(template.slice(at, found.index));
    at = found.index + found[0].length;
    const body = found[1] ?? '';
    const operator = OPERATORS.includes(body[0] ?? ' ') ? (body[0] ?? '') : '';
    const list = body
      .slice(operator.length)
      .split(',')
      .map((text): Variable => {
        const parts = /^([A-Za-z0-9_.%]+)(\*|:\d{1,4})?$/.exec(text);
        if (!parts?.[1])
          throw new Error(
            `URI template ${JSON.stringify(template)} has the expression "{${body}}", which RFC 6570 does not allow`,
          );
        if (variables.includes(parts[1]))
          throw new Error(`URI template ${JSON.stringify(template)} has the variable "${parts[1]}" twice`);
        variables.push(parts[1]);
        return { name: parts[1], explode: parts[2] === '*' };
      });
    if (operator === '?' || operator === '&') {
      pattern += `(${operator === '?' ? '\\?' : '&'}[^#]*)?`;
      groups.push({ operator, variables: list });
      continue;
    }
    for (const [index, variable] of list.entries()) {
      const glue =
        operator === '' || operator === '+'
          ? index > 0
            ? ','
            : ''
          : index > 0 && operator === '#'
            ? ','
            : literal(operator);
      groups.push({ operator, variables: [variable] });
      if (operator === '+' || operator === '#') pattern += `${glue}(.+)`;
      else if (operator === ';') pattern += `;${literal(variable.name)}=?([^/;?#]*)`;
      else if (variable.explode && operator === '/') pattern += '((?:/[^/?#]+)+)';
      else pattern += `${glue}([^/?#${operator === '.' ? '.' : ','}]+)`;
    }
  }
  const regex = new RegExp(`^${pattern}${plain(template.slice(at))}$`, 'u');
  return {
    template,
    variables,
    match(uri) {
      const found = regex.exec(uri);
      if (!found) return undefined;
      const values: Record<string, string> = Object.create(null);
      for (const [index, group] of groups.entries()) {
        const text = found[index + 1] ?? '';
        if (group.operator === '?' || group.operator === '&') {
          const query = new URLSearchParams(text.slice(1));
          for (const { name } of group.variables) values[name] = query.get(name) ?? '';
        } else {
          const segments = group.variables[0]?.explode && group.operator === '/';
          const value = decode(segments ? text.slice(1) : text);
          if (value === undefined) return undefined;
          // An encoded slash could lead out of the folder that the template means.
          if (value.includes('/') && !segments && group.operator !== '+' && group.operator !== '#') return undefined;
          for (const { name } of group.variables) values[name] = value;
        }
      }
      return values;
    },
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
