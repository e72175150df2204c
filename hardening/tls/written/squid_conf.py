"""tls/squid.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 414471171
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_prefix = resolve('prefix')
        l_0_job = resolve('job')
        l_0_options = resolve('options')
        l_0_least = resolve('least')
        pass
        template = environment.get_template('tls/_header.j2', 'tls/squid.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield 'https_port '
        yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen') or '3129'))
        yield ' '
        yield str((undefined(name='prefix') if l_0_prefix is missing else l_0_prefix))
        yield 'cert='
        yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate') or '/etc/pki/tls/certs/localhost.crt'))
        yield ' '
        yield str((undefined(name='prefix') if l_0_prefix is missing else l_0_prefix))
        yield 'key='
        yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key') or '/etc/pki/tls/private/localhost.key'))
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield ' cipher='
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
        yield ' '
        yield str(('tls-options' if (undefined(name='prefix') if l_0_prefix is missing else l_0_prefix) else 'options'))
        yield '='
        yield str((undefined(name='options') if l_0_options is missing else l_0_options))
        if (undefined(name='least') if l_0_least is missing else l_0_least):
            pass
            yield ' tls-min-version='
            yield str((undefined(name='least') if l_0_least is missing else l_0_least))
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield ' '
            yield str(('tls-dh' if (undefined(name='prefix') if l_0_prefix is missing else l_0_prefix) else 'dhparams'))
            yield '='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
        yield '\n'

    return root
