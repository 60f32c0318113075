import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../schema/schema.graphql',
  documents: ['src/**/*.ts', 'src/**/*.tsx'],
  generates: {
    'src/gql/': {
      preset: 'client',
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        scalars: { Date: 'string', DateTime: 'string', TimeZone: 'string' },
        useTypeImports: true,
      },
      presetConfig: { fragmentMasking: { unmaskFunctionName: 'readFragment' } },
    },
  },
};

export default config;
