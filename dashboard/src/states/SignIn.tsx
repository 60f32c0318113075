import { Alert, Anchor, Button, Checkbox, Paper, PasswordInput, Text, Title } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { signIn } from '../api/key';
import classes from './SignIn.module.css';

/** The field for a key, and what it is for. */
export function SignIn({ isWrong }: { isWrong: boolean }) {
  const [key, setKey] = useState('');
  const [isKept, setIsKept] = useState(false);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (key.trim()) signIn(key.trim(), isKept);
  }
  return (
    <main className={classes.main}>
      <Paper component="form" withBorder p="xl" className={classes.form ?? ''} onSubmit={submit}>
        <Title order={1} size="h3">
          Call Analytics
        </Title>
        {isWrong && (
          <Alert color="red" title="This key is not valid">
            It was mistyped, or has been revoked. Ask whoever runs the service for another.
          </Alert>
        )}
        <Text size="sm">
          An API key opens the figures of your organization. It is sent to this server and to nobody
          else.
        </Text>
        <PasswordInput
          label="API key"
          autoComplete="off"
          spellCheck={false}
          value={key}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }}
          onChange={(event) => setKey(event.currentTarget.value)}
        />
        <Checkbox
          label="Stay signed in on this device"
          checked={isKept}
          onChange={(event) => setIsKept(event.currentTarget.checked)}
        />
        <Button type="submit" disabled={!key.trim()}>
          Sign in
        </Button>
        <Text size="sm" c="dimmed">
          Keys come from the calling platform, or from <code>call-analytics keys create</code>.
          Developers find the API in the{' '}
          <Anchor href="/graphql" size="sm" underline="always">
            explorer
          </Anchor>
          .
        </Text>
      </Paper>
    </main>
  );
}
